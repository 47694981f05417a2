// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright 2026 The Belfry authors

// What stays open: the stream of Server-Sent Events, and the two WebSockets.

import { copyButton, countRows, element, prettyNodes } from './elements.js';

const MAX_LINES = 200;

/** A list of what came and went, newest last; the oldest lines go. */
function makeLog () {
  const count = element ('span', { class: 'soft' });
  const list = element ('ol', { class: 'log', tabindex: '0', role: 'log', 'aria-label': 'Messages' });
  let total = 0;

  function add (kind, text) {
    const atEnd = list.scrollTop + list.clientHeight >= list.scrollHeight - 40;
    const sign = { in: '←', out: '→', note: '·' }[kind];
    const said = { in: 'received', out: 'sent', note: 'note' }[kind];
    list.append (element ('li', { class: kind },
      element ('span', { class: 'sign', 'aria-hidden': 'true' }, sign),
      element ('span', { class: 'visually-hidden' }, said),
      element ('time', {}, new Date ().toLocaleTimeString ()),
      kind === 'note' ? element ('span', { class: 'text' }, text) : element ('code', { class: 'text' }, prettyLine (text))));
    total += kind === 'in' ? 1 : 0;
    while (list.children.length > MAX_LINES)
      list.firstChild.remove ();
    count.textContent = total === 0 ? '' : `${total} received`;
    if (atEnd)
      list.scrollTop = list.scrollHeight;
  }

  function clear () {
    list.replaceChildren ();
    total = 0;
    count.textContent = '';
  }

  const view = element ('div', { class: 'live' },
    element ('div', { class: 'row' }, element ('h4', {}, 'Messages'), count,
      element ('button', { type: 'button', class: 'quiet', click: clear }, 'Clear')),
    list);
  return { view, add };
}

/** One line of JSON with its colours. */
function prettyLine (text) {
  return prettyNodes (text).map (piece => (typeof piece === 'string' ? piece.replace (/\n\s*/g, ' ') : piece));
}

function makeSwitch (open, close) {
  let isOpen = false;
  const state = element ('span', { class: 'state', role: 'status' }, 'closed');
  const button = element ('button', { type: 'button', class: 'primary', click: () => (isOpen ? close () : open ()) }, 'Open');
  return {
    button, state,
    set (now, text) {
      isOpen = now;
      button.textContent = now ? 'Close' : 'Open';
      state.textContent = text;
      state.dataset.state = now ? 'ok' : '';
    },
  };
}

/** getUrl(): the address with filters and key. */
export function makeStreamPanel (getUrl) {
  const log = makeLog ();
  let source = null;

  function close (why) {
    source?.close ();
    source = null;
    toggle.set (false, 'closed');
    log.add ('note', why);
  }

  function open () {
    source = new EventSource (getUrl ());
    toggle.set (true, 'connecting');
    source.onopen = () => { toggle.set (true, 'open'); log.add ('note', 'open'); };
    source.onmessage = message => log.add ('in', message.data);
    source.addEventListener ('gap', message => log.add ('in', message.data));
    source.onerror = () => {
      if (source?.readyState === EventSource.CLOSED)
        close ('refused: is a filter wrong, or the key missing?');
      else
        toggle.set (true, 'connecting again');
    };
  }

  const toggle = makeSwitch (open, () => close ('closed by this page'));
  return { controls: [toggle.button, toggle.state], view: log.view };
}

/** getUrl(): the address with the key. example: the first message. */
export function makeSocketPanel (getUrl, example, hint) {
  const log = makeLog ();
  const id = 'message-' + Math.random ().toString (36).slice (2);
  const text = JSON.stringify (example, null, 2);
  const editor = element ('textarea', { id, rows: countRows (text), spellcheck: 'false', 'aria-describedby': id + '-hint' });
  const send = element ('button', {
    type: 'button', disabled: true,
    click: () => { socket.send (editor.value); log.add ('out', editor.value.replace (/\s*\n\s*/g, ' ')); },
  }, 'Send message');
  let socket = null;

  function ended (text) {
    socket = null;
    send.disabled = true;
    toggle.set (false, 'closed');
    log.add ('note', text);
  }

  function open () {
    socket = new WebSocket (getUrl ());
    toggle.set (true, 'connecting');
    socket.onopen = () => { toggle.set (true, 'open'); send.disabled = false; log.add ('note', 'open'); };
    socket.onmessage = message => log.add ('in', message.data);
    socket.onclose = closed => ended (`closed: ${closed.code}${closed.reason ? ' ' + closed.reason : ''}`);
  }

  const toggle = makeSwitch (open, () => socket.close (1000));
  editor.value = text;
  const form = element ('div', { class: 'field' },
    element ('div', { class: 'row' }, element ('label', { for: id }, 'Message'), copyButton (() => editor.value, 'the message')),
    element ('p', { class: 'hint', id: id + '-hint' }, hint), editor);
  return { form, controls: [toggle.button, send, toggle.state], view: log.view };
}
