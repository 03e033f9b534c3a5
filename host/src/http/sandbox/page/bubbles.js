// Draws messages. Everything a message says goes in as text, never as markup.

/** An element with attributes and children; a string child becomes text. */
export function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') node.addEventListener(name, value);
    else if (value !== undefined && value !== false) node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** Signs for what cannot be shown, drawn here so that no font needs to know them. */
const SIGNS = {
  image: 'M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15 9.5h.1',
  video: 'M3 6h12v12H3zM15 10l6-3v10l-6-3',
  audio: 'M12 3a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3M5 11a7 7 0 0 0 14 0M12 18v3',
  document: 'M6 3h8l4 4v14H6zM14 3v4h4M9 12h6M9 16h6',
  sticker: 'M5 4h14v10l-6 6H5zM19 14h-6v6M9 9.5h.1M14 9.5h.1',
  location: 'M12 21s7-6.5 7-12a7 7 0 0 0-14 0c0 5.5 7 12 7 12M12 11.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5',
  contacts: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8M4 20c0-4 4-6 8-6s8 2 8 6z',
  template: 'M5 4h14v16H5zM9 9h6M9 13h6M9 17h3',
  other: 'M9 9a3 3 0 1 1 4 2.8c-.7.4-1 1-1 2.2M12 17.5v.1',
  reply: 'M9 7 4 12l5 5M4 12h9a7 7 0 0 1 7 7',
  react: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M8.5 14.5c2 2.5 5 2.5 7 0M9 9.5v.1M15 9.5v.1',
  list: 'M8 6h12M8 12h12M8 18h12M4 6h.1M4 12h.1M4 18h.1',
};

function drawing(path, box, name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const line = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  line.setAttribute('d', path);
  svg.setAttribute('viewBox', box);
  svg.setAttribute('class', name);
  svg.append(line);
  return svg;
}

/** The sign of a kind of message. */
export function sign(kind) {
  const svg = drawing(SIGNS[kind] ?? SIGNS.other, '0 0 24 24', 'sign');
  svg.setAttribute('aria-hidden', 'true');
  return svg;
}

const TICKS = {
  pending: ['Waiting', 'M9 1.5a4.5 4.5 0 1 0 0 9a4.5 4.5 0 1 0 0-9M9 3.5V6l2 1'],
  sent: ['Sent', 'M4 6.5 7 9.5 14 2.5'],
  delivered: ['Delivered', 'M1 6.5 4 9.5 11 2.5M7.5 8.5 8.5 9.5 15.5 2.5'],
  read: ['Read', 'M1 6.5 4 9.5 11 2.5M7.5 8.5 8.5 9.5 15.5 2.5'],
  error: ['Not delivered', 'M9 1.5V7M9 10v.1'],
};

function tick(status) {
  const [label, path] = TICKS[status] ?? ['', ''];
  if (!label) return null;
  const svg = drawing(path, '0 0 18 12', 'tick');
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', label);
  svg.dataset.tick = status;
  return svg;
}

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });

/** WhatsApp's own marks and addresses, as elements. */
function rich(text) {
  const node = make('div', { class: 'text', dir: 'auto' });
  const marks = { '*': 'b', _: 'i', '~': 's', '`': 'code' };
  let last = 0;
  for (const found of text.matchAll(/https?:\/\/[^\s<>"]+|(?<![\w*_~`])([*_~`])(\S(?:[^\n]*?\S)?)\1(?![\w*_~`])/g)) {
    node.append(text.slice(last, found.index));
    last = found.index + found[0].length;
    if (found[1]) node.append(make(marks[found[1]], {}, found[2]));
    else node.append(make('a', { href: found[0], target: '_blank', rel: 'noopener noreferrer' }, found[0]));
  }
  node.append(text.slice(last));
  return node;
}

/** The address of a file if a page may load it; else empty. */
function address(media) {
  return /^(https?:\/\/|data:(image|audio|video)\/)/i.test(media.url ?? '') ? media.url : '';
}

function card(kind, title, detail, href) {
  const words = make('span', {}, make('b', {}, title), make('small', {}, detail ?? ''));
  const attributes = href ? { class: 'card', href, target: '_blank', rel: 'noopener noreferrer' } : { class: 'card' };
  return make(href ? 'a' : 'div', attributes, sign(kind), words);
}

function file(media, kind, name) {
  const link = address(media);
  return card(kind, media.filename ?? name, media.mime_type ?? media.id ?? '', /^https?:/i.test(link) ? link : '');
}

function picture(media, kind, name, style) {
  const src = address(media);
  if (!src) return file(media, kind, name);
  const image = make('img', { class: style, src, alt: media.caption || name, decoding: 'async' });
  image.addEventListener('error', () => {
    const instead = file(media, kind, name);
    instead.dataset.instead = src;
    image.replaceWith(instead);
  }, { once: true });
  return image;
}

function player(tag, media, name) {
  const src = address(media);
  return src ? make(tag, { src, controls: true, preload: 'none', class: tag === 'video' ? 'media' : '', 'aria-label': name }) : file(media, tag, name);
}

function place(at) {
  const degrees = `${at.latitude}, ${at.longitude}`;
  const map = `https://www.openstreetmap.org/?mlat=${Number(at.latitude)}&mlon=${Number(at.longitude)}#map=16/${Number(at.latitude)}/${Number(at.longitude)}`;
  return card('location', at.name || 'Location', at.address || degrees, map);
}

function person(entry) {
  const name = entry?.name?.formatted_name ?? entry?.name ?? 'Contact';
  const phone = entry?.phones?.[0]?.phone ?? entry?.phone ?? '';
  return card('contacts', String(typeof name === 'object' ? 'Contact' : name), String(phone));
}

function template(value) {
  const body = value?.components?.find?.((part) => String(part?.type).toLowerCase() === 'body');
  const words = body?.parameters?.map?.((parameter) => parameter?.text).filter(Boolean).join(' · ');
  return card('template', String(value?.name ?? 'Template'), String(body?.text ?? words ?? ''));
}

/** What a message says, as elements. */
function body(content) {
  const captioned = (node) => [node, content[content.type]?.caption ? rich(content[content.type].caption) : null];
  switch (content.type) {
    case 'text': return [rich(content.text)];
    case 'image': return captioned(picture(content.image, 'image', 'Photo', 'media'));
    case 'sticker': return [picture(content.sticker, 'sticker', 'Sticker', 'sticker')];
    case 'video': return captioned(player('video', content.video, 'Video'));
    case 'audio': return [player('audio', content.audio, 'Audio')];
    case 'document': return captioned(file(content.document, 'document', 'Document'));
    case 'location': return [place(content.location)];
    case 'contacts': return content.contacts.map(person);
    case 'template': return [template(content.template)];
    case 'interactive': return [rich(content.interactive.reply ? content.interactive.reply.title : (content.interactive.text ?? ''))];
    case 'reaction': return [rich(content.reaction.emoji || 'took a reaction back')];
    default: return [card('other', 'Something else', JSON.stringify(content[content.type] ?? content).slice(0, 200))];
  }
}

/** One line that stands for a message. */
export function gist(content) {
  const part = content[content.type];
  return content.text || part?.caption || part?.text || part?.reply?.title || part?.filename || part?.name || content.type;
}

function choices(content, choose) {
  if (content.type !== 'interactive' || content.interactive.reply) return null;
  const { buttons = [], rows = [], button } = content.interactive;
  const one = (option) => make('button', { type: 'button', 'data-choice': option.id, click: () => choose(option) }, option.title);
  if (rows.length) return make('div', { class: 'choices' }, make('button', { type: 'button', 'data-list': true, click: () => choose(null, rows, button) }, sign('list'), button || 'Choose'));
  return buttons.length ? make('div', { class: 'choices' }, ...buttons.map(one)) : null;
}

/**
 * A message with its quote, ticks, choices and reactions.
 * `around`: { tick, quoted, reactions, choose(option, rows, title), reply(), react(), retry() }
 */
export function bubble(message, around) {
  const meta = make('div', { class: 'meta' },
    message.possible_duplicate ? make('span', { title: 'Its first send was in doubt' }, 'maybe twice') : null,
    make('time', { datetime: new Date(message.at).toISOString() }, clock.format(message.at)), tick(around.tick));
  const failed = message.status === 'error';
  const reason = [message.error_code, message.error_message].filter(Boolean).join(': ') || 'not delivered';
  const acts = message.direction === 'out' && message.provider_id ? make('div', { class: 'acts' },
    make('button', { type: 'button', title: 'Reply', 'aria-label': 'Reply', click: around.reply }, sign('reply')),
    make('button', { type: 'button', title: 'React', 'aria-label': 'React', click: around.react }, sign('react'))) : null;
  return make('li', { class: 'message', 'data-message-id': message.id, 'data-provider-id': message.provider_id, 'data-direction': message.direction, 'data-status': message.status, 'data-type': message.content.type },
    make('div', { class: 'bubble' },
      message.reply_to && around.quoted ? make('div', { class: 'quote' }, around.quoted) : null,
      ...body(message.content), meta,
      failed ? make('p', { class: 'reason' }, reason) : null,
      failed && around.retry ? make('button', { type: 'button', class: 'reason', click: around.retry }, 'Try again') : null, acts),
    around.reactions.length ? make('div', { class: 'reactions' }, ...around.reactions.map((it) => make('span', { 'data-message-id': it.id, 'data-direction': it.direction, 'data-status': it.status, 'data-type': 'reaction' }, it.content.reaction.emoji))) : null,
    choices(message.content, around.choose));
}

/** Make `old` say what `fresh` does, keeping the parts that are equal: focus, pictures, sounds that play. */
export function patch(old, fresh) {
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  const before = [...old.childNodes];
  const after = [...fresh.childNodes];
  after.forEach((node, index) => {
    const was = before[index];
    if (!was) old.append(node);
    else if (was.isEqualNode(node) || was.dataset?.instead) return;
    else if (was.className === 'bubble' && node.className === 'bubble') patch(was, node);
    else was.replaceWith(node);
  });
  for (const node of before.slice(after.length)) node.remove();
  return old;
}
