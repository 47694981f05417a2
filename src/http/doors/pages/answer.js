// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright 2026 The Belfry authors

// What goes out as a line for curl, and what came back.

import { copyButton, element, prettyNodes, prettyText } from './elements.js';

function quote (text) {
  return /^[\w@%+=:,./-]+$/.test (text) ? text : `'${text.replaceAll ('\'', '\'\\\'\'')}'`;
}

/** request: {method, url, headers, body}; follow: for a stream that does not end. */
export function curlLine (request, follow = false) {
  const isPlain = request.method === 'GET' || (request.method === 'POST' && request.body !== null);
  const parts = [`curl ${follow ? '-N ' : ''}${isPlain ? '' : `-X ${request.method} `}${quote (request.url)}`];
  for (const [name, value] of Object.entries (request.headers))
    parts.push ('-H ' + quote (`${name}: ${value}`));
  if (request.body !== null)
    parts.push ('--data-raw ' + quote (request.body));
  return parts.join (' \\\n  ');
}

/** Shows a request as a line for curl, until the next one. */
export function makeCurlView () {
  const code = element ('code');
  const view = element ('div', { class: 'curl' },
    element ('div', { class: 'row' }, element ('h4', {}, 'As a command'), copyButton (() => code.textContent, 'the command')),
    element ('pre', { tabindex: '0', 'aria-label': 'curl command' }, code));
  return { view, show: line => { code.textContent = line; } };
}

function headerList (headers) {
  const rows = [...headers].map (([name, value]) => [element ('dt', {}, name), element ('dd', {}, value)]);
  return element ('details', { class: 'headers' },
    element ('summary', {}, `${rows.length} headers`), element ('dl', {}, rows.flat ()));
}

function bodyView (text, contentType) {
  if (text === '')
    return element ('p', { class: 'soft' }, 'No body.');
  const isJson = /json/.test (contentType ?? '');
  return element ('div', {},
    element ('div', { class: 'row' }, element ('h4', {}, 'Body'), copyButton (() => (isJson ? prettyText (text) : text), 'the body')),
    element ('pre', { tabindex: '0', class: 'answer-body', 'aria-label': 'Body of the answer' },
      element ('code', {}, isJson ? prettyNodes (text) : text)));
}

/** Shows answers, the newest instead of the one before. */
export function makeAnswerView () {
  const view = element ('div', { class: 'answer', role: 'status', 'aria-live': 'polite' });
  const clear = () => view.replaceChildren (element ('p', { class: 'soft' }, 'The answer will be here.'));

  clear ();
  return {
    view,
    clear,
    wait () {
      view.replaceChildren (element ('p', { class: 'soft' }, 'Waiting for the answer …'));
    },
    fail (error) {
      view.replaceChildren (element ('p', { class: 'status', 'data-class': '5' }, 'No answer'),
        element ('p', { class: 'soft' }, String (error.message ?? error)));
    },
    async show (response, startedMsec) {
      const text = await response.text ();
      const tookMsec = performance.now () - startedMsec;
      const size = new TextEncoder ().encode (text).length;
      view.replaceChildren (
        element ('p', { class: 'row' },
          element ('strong', { class: 'status', 'data-class': String (response.status)[0] }, `${response.status} ${response.statusText}`),
          element ('span', { class: 'soft' }, `${tookMsec.toFixed (tookMsec < 10 ? 1 : 0)} ms · ${size} bytes`)),
        headerList (response.headers),
        bodyView (text, response.headers.get ('content-type')));
    },
  };
}
