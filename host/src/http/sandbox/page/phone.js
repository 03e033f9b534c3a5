// The phone: who is writing to which account, the live chat, and the composer.

import { chooseEmoji, chooseRow, menu } from './attach.js';
import { bubble, gist, make, patch } from './bubbles.js';

const $ = (id) => document.getElementById(id);
const address = (rest) => `/sandbox/accounts/${encodeURIComponent(state.account)}${rest}`;
const query = new URLSearchParams(location.search);

const state = {
  account: '',
  customers: remembered(),
  customer: 0,
  messages: new Map(), // as the host has them, by its id
  waiting: new Map(), // written here, not yet seen there, by the network's id
  read: '', // the network's id of the customer's last message that the business read
  quoting: null,
};

function remembered() {
  const given = query.get('phone');
  let kept = [];
  try { kept = JSON.parse(localStorage.getItem('customers')) ?? []; } catch { /* kept by something else */ }
  kept = Array.isArray(kept) ? kept.filter((it) => typeof it?.phone === 'string') : [];
  if (given) kept = [{ phone: given, name: query.get('name') ?? '' }, ...kept.filter((it) => it.phone !== given)];
  return kept.length ? kept : [{ phone: '+15550100123', name: 'Ana Pereira' }];
}

const customer = () => state.customers[state.customer];

async function call(method, path, body) {
  const response = await fetch(path, {
    method,
    headers: body ? { 'content-type': 'application/json' } : {},
    body: body ? JSON.stringify(body) : undefined,
  }).catch(() => { throw Object.assign(new Error('The host cannot be reached.'), { unreachable: true }); });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.error?.message ?? `the host answered ${response.status}`);
  return answer;
}

function problem(text) {
  $('problem').textContent = text;
  $('problem').hidden = !text;
}

// ---- the list ----

const days = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' });
const drawn = new Map(); // id -> { key, node }
const separators = new Map();

function day(at) {
  const today = new Date().toDateString();
  const yesterday = new Date(Date.now() - 86_400_000).toDateString();
  const date = new Date(at).toDateString();
  const words = date === today ? 'Today' : date === yesterday ? 'Yesterday' : days.format(at);
  if (!separators.has(words)) separators.set(words, make('li', { class: 'day' }, words));
  return separators.get(words);
}

function find(id) {
  if (!id) return undefined;
  return state.messages.get(id) ?? [...state.messages.values()].find((it) => it.provider_id === id);
}

/** Reactions by the id of the message they belong to: the last one of each side. */
function reactions(all) {
  const by = new Map();
  for (const message of all) {
    if (message.content.type !== 'reaction') continue;
    const target = find(message.content.reaction.message_id) ?? find(message.reply_to);
    if (!target) continue;
    if (!by.has(target.id)) by.set(target.id, {});
    by.get(target.id)[message.direction] = message;
  }
  return by;
}

function draw(message, tick, attached) {
  const quoted = find(message.reply_to);
  const key = JSON.stringify([message, tick, attached, quoted?.content]);
  const before = drawn.get(message.id);
  if (before?.key === key) return before.node;
  const now = () => state.messages.get(message.id) ?? message;
  const node = bubble(message, {
    tick,
    quoted: quoted ? gist(quoted.content) : '',
    reactions: attached,
    choose: (option, rows, title) => (option ? answer(now(), option) : chooseRow(title, rows, (row) => answer(now(), row))),
    reply: () => quote(now()),
    react: () => chooseEmoji((emoji) => send({ type: 'reaction', reaction: { message_id: message.id, emoji } }, now().provider_id)),
    retry: message.retry,
  });
  const kept = before ? patch(before.node, node) : node;
  drawn.set(message.id, { key, node: kept });
  return kept;
}

/** Bring the page in line with what is known, touching only what changed. */
function show() {
  const scroll = $('scroll');
  const atEnd = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 60;
  const all = [...state.messages.values(), ...state.waiting.values()].filter((it) => it.content.type !== 'note');
  const attached = reactions(all);
  const lastRead = all.findLastIndex((it) => it.direction === 'in' && state.read && it.provider_id === state.read);
  const wanted = [];
  all.forEach((message, index) => {
    const target = message.content.type === 'reaction' && (find(message.content.reaction.message_id) ?? find(message.reply_to));
    if (target) return;
    const arrived = index <= lastRead || message.status === 'read' ? 'read' : 'delivered';
    const tick = message.direction === 'in' && !['pending', 'error'].includes(message.status) ? arrived : message.status;
    const separator = day(message.at);
    if (!wanted.includes(separator)) wanted.push(separator);
    wanted.push(draw(message, tick, Object.values(attached.get(message.id) ?? {}).filter((it) => it.content.reaction.emoji)));
  });
  const list = $('messages');
  let next = list.firstChild;
  for (const node of wanted) {
    if (node === next) next = next.nextSibling;
    else list.insertBefore(node, next);
  }
  while (next) {
    const after = next.nextSibling;
    next.remove();
    next = after;
  }
  $('empty').hidden = wanted.length > 0;
  if (atEnd) toEnd();
  else $('newest').hidden = false;
}

function toEnd() {
  $('scroll').scrollTop = $('scroll').scrollHeight;
  $('newest').hidden = true;
}

$('newest').addEventListener('click', toEnd);
$('scroll').addEventListener('scroll', () => {
  const { scrollHeight, scrollTop, clientHeight } = $('scroll');
  if (scrollHeight - scrollTop - clientHeight < 60) $('newest').hidden = true;
}, { passive: true });
new ResizeObserver(() => { if ($('newest').hidden) toEnd(); }).observe($('scroll'));

// ---- what comes in ----

let source;
let again;
let pause = 500;

function link(word) {
  $('link').dataset.link = word;
  $('link').textContent = word;
}

function connect() {
  source?.close();
  clearTimeout(again);
  if (!state.account) return;
  link('connecting');
  const stream = new EventSource(address(`/chats/${encodeURIComponent(customer().phone)}/stream`));
  source = stream;
  stream.addEventListener('open', () => {
    pause = 500;
    link('live');
    for (const message of state.waiting.values()) if (message.unreachable) message.retry();
  });
  stream.addEventListener('chat', (event) => heard(JSON.parse(event.data)));
  stream.addEventListener('error', () => {
    link('offline');
    stream.close();
    clearTimeout(again);
    again = setTimeout(connect, pause);
    pause = Math.min(pause * 2, 10_000);
  });
}

function reset() {
  for (const it of [state.messages, state.waiting, drawn, separators]) it.clear();
  state.read = '';
  quote(null);
  problem('');
  show();
  toEnd();
  connect();
}

function heard(news) {
  if (news.whole) state.messages.clear();
  for (const message of news.messages) {
    if (!news.whole && message.direction === 'out' && !state.messages.has(message.id)) $('announce').textContent = gist(message.content);
    state.messages.set(message.id, message);
    if (message.direction === 'in') state.waiting.delete(message.provider_id);
  }
  state.read = news.read;
  if (news.account) accountIs(news.account, news.qr);
  typing(news.typing);
  show();
}

let typingEnds;
function typing(left) {
  clearTimeout(typingEnds);
  $('typing').classList.toggle('on', left > 0);
  $('presence').textContent = left > 0 ? 'typing…' : $('presence').dataset.phone || '\u00a0';
  if (left > 0) typingEnds = setTimeout(() => typing(0), left);
}

// ---- pairing ----

let countdown;

function accountIs(account, left) {
  const open = account.state === 'open';
  const pending = !open && left !== null;
  $('title').textContent = account.nickname || account.phone || account.id;
  $('avatar').textContent = ($('title').textContent.match(/\p{L}|\p{N}/u)?.[0] ?? 'S').toUpperCase();
  $('presence').dataset.phone = open ? account.phone : account.state;
  $('phone').dataset.account = account.state;
  const shown = !$('pairing').hidden;
  $('pairing').hidden = open;
  $('chat').hidden = !open;
  if (shown && open) { toEnd(); $('composer').focus(); }
  if (open) return;
  $('pairing-reason').textContent = account.reason || (pending ? 'Scan the code with the account’s phone.' : 'It is not connected.');
  for (const id of ['qr', 'qr-left', 'scan', 'scan-row']) $(id).hidden = !pending;
  $('open').hidden = pending;
  clearInterval(countdown);
  if (!pending) return;
  $('qr').src = address(`/qr.svg?${Date.now()}`);
  const until = performance.now() + left;
  const full = Math.max(left, Number($('qr-left').dataset.full ?? 0));
  $('qr-left').dataset.full = full;
  const tell = () => { $('qr-left').value = Math.max(0, (until - performance.now()) / full); };
  tell();
  countdown = setInterval(tell, 500);
}

async function pairing(path, body) {
  try { await call('POST', address(path), body); } catch (error) { $('pairing-reason').textContent = error.message; }
}
$('open').addEventListener('click', () => pairing('/open'));
$('scan').addEventListener('click', () => pairing('/scan', { phone: $('scan-phone').value }));

// ---- what goes out ----

let line = Promise.resolve(); // one at a time, so that the order is the writer's

function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return `wamid.${Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}

function send(content, replyTo = '') {
  const id = newId();
  const { phone, name } = customer();
  const [from, to] = [state.account, phone];
  const message = { id, provider_id: id, direction: 'in', content, status: 'pending', reply_to: replyTo, at: Date.now() };
  const retry = () => {
    state.waiting.set(id, message);
    show();
    line = line.then(post);
  };
  const post = async () => {
    const ours = () => from === state.account && to === customer().phone;
    try {
      await call('POST', `/sandbox/accounts/${encodeURIComponent(from)}/incoming`, { ...content, from: phone, name, reply_to: replyTo, id });
    } catch (error) {
      if (!ours() || !state.waiting.has(id)) return;
      state.waiting.set(id, { ...message, status: 'error', error_message: error.message, unreachable: error.unreachable, retry });
      show();
    }
  };
  state.waiting.set(id, message);
  show();
  toEnd();
  line = line.then(post);
}

function answer(message, option) {
  send({ type: 'interactive', interactive: { reply: { id: option.id, title: option.title } } }, message.provider_id);
  $('composer').focus();
}

function quote(message) {
  state.quoting = message;
  $('quoting').hidden = !message;
  $('quoted').textContent = message ? gist(message.content) : '';
  if (message) $('composer').focus();
}
$('unquote').addEventListener('click', () => { quote(null); $('composer').focus(); });

$('write').addEventListener('submit', (event) => {
  event.preventDefault();
  const text = $('composer').value.trim();
  $('composer').focus();
  if (!text) return;
  $('composer').value = '';
  const replyTo = state.quoting?.provider_id ?? '';
  quote(null);
  send({ type: 'text', text }, replyTo);
});
$('composer').addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    $('write').requestSubmit();
  }
  if (event.key === 'Escape') quote(null);
});
menu((content) => send(content, ''));

// ---- who is who ----

const NEW = 'new';

function showCustomers() {
  const options = state.customers.map((it, index) => make('option', { value: index }, it.name ? `${it.name} · ${it.phone}` : it.phone));
  $('customer').replaceChildren(...options, make('option', { value: NEW }, 'New customer…'));
  $('customer').value = state.customer;
  $('customer-phone').value = customer().phone;
  $('customer-name').value = customer().name;
  $('customer-phone').removeAttribute('aria-invalid');
  try { localStorage.setItem('customers', JSON.stringify(state.customers.slice(0, 50))); } catch { /* not kept, then */ }
}

$('customer').addEventListener('change', () => {
  if ($('customer').value === NEW) {
    const number = 100 + Math.floor(Math.random() * 900);
    state.customers.push({ phone: `+15550100${number}`, name: `Customer ${state.customers.length + 1}` });
    state.customer = state.customers.length - 1;
  } else {
    state.customer = Number($('customer').value);
  }
  showCustomers();
  reset();
});
$('customer-phone').addEventListener('change', () => {
  const phone = $('customer-phone').value.replace(/[ \-()./]/g, '');
  const valid = /^\+[1-9]\d{5,14}$/.test(phone);
  $('customer-phone').setAttribute('aria-invalid', String(!valid));
  if (!valid || phone === customer().phone) return;
  customer().phone = phone;
  showCustomers();
  reset();
});
$('customer-name').addEventListener('change', () => {
  customer().name = $('customer-name').value.trim();
  showCustomers();
});
$('account').addEventListener('change', () => {
  state.account = $('account').value;
  reset();
});
$('settings').addEventListener('click', () => {
  const open = $('panel').hidden;
  $('panel').hidden = !open;
  $('settings').setAttribute('aria-expanded', String(open));
});

/** Read the accounts, again and again until there is one. */
async function begin() {
  try {
    const { accounts } = await call('GET', '/sandbox/accounts');
    if (!accounts.length) throw new Error('There is no sandbox account yet: create one, and it appears here.');
    $('account').replaceChildren(...accounts.map((it) => make('option', { value: it.id }, it.nickname || it.phone || it.id)));
    $('account-row').hidden = accounts.length < 2;
    state.account = accounts.some((it) => it.id === query.get('account')) ? query.get('account') : accounts[0].id;
    $('account').value = state.account;
    reset();
  } catch (error) {
    link('offline');
    problem(error.message);
    setTimeout(begin, 2_000);
  }
}

if (matchMedia('(min-width: 560px) and (min-height: 760px)').matches) $('settings').click();
showCustomers();
begin();
