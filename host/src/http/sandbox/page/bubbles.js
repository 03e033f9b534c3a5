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

const TICKS = {
  pending: ['Waiting', 'M9 1.5a4.5 4.5 0 1 0 0 9a4.5 4.5 0 1 0 0-9M9 3.5V6l2 1'],
  sent: ['Sent', 'M4 6.5 7 9.5 14 2.5'],
  delivered: ['Delivered', 'M1 6.5 4 9.5 11 2.5M8 9.5 9 9.5 16 2.5'],
  read: ['Read', 'M1 6.5 4 9.5 11 2.5M8 9.5 9 9.5 16 2.5'],
  error: ['Not delivered', 'M9 1.5V7M9 10v.1'],
};

function tick(status) {
  const [label, path] = TICKS[status] ?? ['', ''];
  if (!label) return null;
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const line = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  line.setAttribute('d', path);
  svg.setAttribute('viewBox', '0 0 18 12');
  svg.setAttribute('class', 'tick');
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', label);
  svg.dataset.tick = status;
  svg.append(line);
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

function card(sign, title, detail, href) {
  const words = make('span', {}, make('b', {}, title), make('small', {}, detail ?? ''));
  const attributes = href ? { class: 'card', href, target: '_blank', rel: 'noopener noreferrer' } : { class: 'card' };
  return make(href ? 'a' : 'div', attributes, make('span', { class: 'sign', 'aria-hidden': 'true' }, sign), words);
}

function file(media, sign, name) {
  const link = address(media);
  return card(sign, media.filename ?? name, media.mime_type ?? media.id ?? '', /^https?:/i.test(link) ? link : '');
}

function picture(media, name, style) {
  const src = address(media);
  if (!src) return file(media, '🖼', name);
  const image = make('img', { class: style, src, alt: media.caption || name, decoding: 'async' });
  image.addEventListener('error', () => image.replaceWith(file(media, '🖼', name)), { once: true });
  return image;
}

function player(tag, media, sign, name) {
  const src = address(media);
  return src ? make(tag, { src, controls: true, preload: 'none', class: tag === 'video' ? 'media' : '', 'aria-label': name }) : file(media, sign, name);
}

function place(at) {
  const degrees = `${at.latitude}, ${at.longitude}`;
  const map = `https://www.openstreetmap.org/?mlat=${Number(at.latitude)}&mlon=${Number(at.longitude)}#map=16/${Number(at.latitude)}/${Number(at.longitude)}`;
  return card('📍', at.name || 'Location', at.address || degrees, map);
}

function person(entry) {
  const name = entry?.name?.formatted_name ?? entry?.name ?? 'Contact';
  const phone = entry?.phones?.[0]?.phone ?? entry?.phone ?? '';
  return card('👤', String(typeof name === 'object' ? 'Contact' : name), String(phone));
}

function template(value) {
  const body = value?.components?.find?.((part) => String(part?.type).toLowerCase() === 'body');
  const words = body?.parameters?.map?.((parameter) => parameter?.text).filter(Boolean).join(' · ');
  return card('🧾', String(value?.name ?? 'Template'), String(body?.text ?? words ?? ''));
}

/** What a message says, as elements. */
function body(content) {
  const captioned = (node) => [node, content[content.type]?.caption ? rich(content[content.type].caption) : null];
  switch (content.type) {
    case 'text': return [rich(content.text)];
    case 'image': return captioned(picture(content.image, 'Photo', 'media'));
    case 'sticker': return [picture(content.sticker, 'Sticker', 'sticker')];
    case 'video': return captioned(player('video', content.video, '🎬', 'Video'));
    case 'audio': return [player('audio', content.audio, '🎧', 'Audio')];
    case 'document': return captioned(file(content.document, '📄', 'Document'));
    case 'location': return [place(content.location)];
    case 'contacts': return content.contacts.map(person);
    case 'template': return [template(content.template)];
    case 'interactive': return [rich(content.interactive.reply ? content.interactive.reply.title : (content.interactive.text ?? ''))];
    case 'reaction': return [rich(content.reaction.emoji || 'took a reaction back')];
    default: return [card('❔', 'Something else', JSON.stringify(content[content.type] ?? content).slice(0, 200))];
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
  if (rows.length) return make('div', { class: 'choices' }, make('button', { type: 'button', 'data-list': true, click: () => choose(null, rows, button) }, `☰ ${button || 'Choose'}`));
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
    make('button', { type: 'button', title: 'Reply', 'aria-label': 'Reply', click: around.reply }, '↩'),
    make('button', { type: 'button', title: 'React', 'aria-label': 'React', click: around.react }, '☺')) : null;
  return make('li', { class: 'message', 'data-message-id': message.id, 'data-provider-id': message.provider_id, 'data-direction': message.direction, 'data-status': message.status, 'data-type': message.content.type },
    make('div', { class: 'bubble' },
      message.reply_to && around.quoted ? make('div', { class: 'quote' }, around.quoted) : null,
      ...body(message.content), meta,
      failed ? make('p', { class: 'reason' }, reason) : null,
      failed && around.retry ? make('button', { type: 'button', class: 'reason', click: around.retry }, 'Try again') : null, acts),
    around.reactions.length ? make('div', { class: 'reactions' }, ...around.reactions.map((it) => make('span', { 'data-message-id': it.id, 'data-direction': it.direction, 'data-status': it.status, 'data-type': 'reaction' }, it.content.reaction.emoji))) : null,
    choices(message.content, around.choose));
}
