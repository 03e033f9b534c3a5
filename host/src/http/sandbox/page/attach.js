// What a customer can send besides text: a menu, and a sheet to fill in.

import { make, sign } from './bubbles.js';

const sample = () => `${location.origin}/sandbox/page/sample.svg`;
const file = (value) => Object.fromEntries(Object.entries(value).filter(([, text]) => text !== ''));
const field = (name, label, value, more = {}) => ({ name, label, value, ...more });
const caption = field('caption', 'Caption', '');

/** Kind, label, fields, and the message that they make. */
const KINDS = [
  ['image', 'Photo', () => [field('url', 'Address', sample()), caption], (v) => ({ type: 'image', image: file({ ...v, mime_type: v.url === sample() ? 'image/svg+xml' : '' }) })],
  ['video', 'Video', () => [field('url', 'Address', 'https://example.com/video.mp4'), caption], (v) => ({ type: 'video', video: file({ ...v, mime_type: 'video/mp4' }) })],
  ['audio', 'Voice', () => [field('url', 'Address', 'https://example.com/voice.ogg')], (v) => ({ type: 'audio', audio: file({ ...v, mime_type: 'audio/ogg' }) })],
  ['document', 'Document', () => [field('url', 'Address', 'https://example.com/order.pdf'), field('filename', 'File name', 'order.pdf'), caption], (v) => ({ type: 'document', document: file({ ...v, mime_type: 'application/pdf' }) })],
  ['sticker', 'Sticker', () => [field('url', 'Address', sample())], (v) => ({ type: 'sticker', sticker: file(v) })],
  ['location', 'Location', () => [field('latitude', 'Latitude', '52.52', { type: 'number', min: -90, max: 90, step: 'any' }), field('longitude', 'Longitude', '13.405', { type: 'number', min: -180, max: 180, step: 'any' }), field('name', 'Name', 'Berlin', { optional: true })], (v) => ({ type: 'location', location: file({ ...v, latitude: Number(v.latitude), longitude: Number(v.longitude) }) })],
  ['contacts', 'Contact', () => [field('name', 'Name', 'Max Example'), field('phone', 'Number', '+15550100177', { type: 'tel' })], (v) => ({ type: 'contacts', contacts: [{ name: { formatted_name: v.name }, phones: [{ phone: v.phone }] }] })],
  ['other', 'Something else', () => [field('kind', 'What it is', 'order')], (v) => ({ type: 'other', other: { type: v.kind } })],
];

const $ = (id) => document.getElementById(id);

/** Show the sheet with this content; `submit` runs when it is sent. */
function sheet(title, nodes, submit) {
  $('sheet-title').textContent = title;
  $('sheet-body').replaceChildren(...nodes);
  $('sheet-send').hidden = !submit;
  $('sheet-form').onsubmit = submit ?? null;
  $('sheet').showModal();
}

$('sheet-cancel').addEventListener('click', () => $('sheet').close());
$('sheet').addEventListener('close', () => $('composer').focus());

function fill([kind, label, fields, message], send) {
  const inputs = fields().map((it) => {
    const optional = it.optional || it.name === 'caption';
    const input = make('input', { name: it.name, id: `sheet-${it.name}`, type: it.type ?? 'text', value: it.value, min: it.min, max: it.max, step: it.step, required: !optional });
    return make('label', {}, it.label, input);
  });
  sheet(label, inputs, () => {
    const values = Object.fromEntries(new FormData($('sheet-form')));
    send(message(values));
  });
  $('sheet-send').dataset.kind = kind;
}

/** A list's rows, to choose one. */
export function chooseRow(title, rows, choose) {
  const pick = (row) => { $('sheet').close(); choose(row); };
  sheet(title || 'Choose', rows.map((row) => make('button', { type: 'button', class: 'choice', 'data-choice': row.id, click: () => pick(row) }, row.title, row.description ? make('small', {}, row.description) : null)));
}

/** An emoji for a reaction; empty takes it back. */
export function chooseEmoji(choose) {
  const pick = (emoji) => { $('sheet').close(); choose(emoji); };
  const one = (emoji) => make('button', { type: 'button', 'data-emoji': emoji, 'aria-label': emoji || 'none', click: () => pick(emoji) }, emoji || 'none');
  sheet('React', [make('div', { class: 'emoji' }, ...['👍', '❤️', '😂', '😮', '😢', '🙏', ''].map(one))]);
}

/** Wire the menu: `send` gets the message that was made. */
export function menu(send) {
  const [button, kinds] = [$('attach'), $('kinds')];
  const show = (open) => {
    kinds.hidden = !open;
    button.setAttribute('aria-expanded', String(open));
    if (open) kinds.firstElementChild.focus();
  };
  for (const kind of KINDS) {
    kinds.append(make('button', { type: 'button', role: 'menuitem', 'data-kind': kind[0], click: () => { show(false); fill(kind, send); } }, sign(kind[0]), kind[1]));
  }
  button.addEventListener('click', () => show(kinds.hidden));
  kinds.addEventListener('keydown', (event) => {
    const items = [...kinds.children];
    const step = { ArrowDown: 2, ArrowUp: -2, ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (event.key === 'Escape') { show(false); button.focus(); }
    if (step) { event.preventDefault(); items[(items.indexOf(document.activeElement) + step + items.length) % items.length].focus(); }
  });
  document.addEventListener('pointerdown', (event) => {
    if (!kinds.hidden && !kinds.contains(event.target) && !button.contains(event.target)) show(false);
  });
}
