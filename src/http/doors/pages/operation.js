// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright 2026 The Belfry authors

// One operation: what it is, a form for it, and what came of it.

import { curlLine, makeAnswerView, makeCurlView } from './answer.js';
import { base, describeType, listExamples, nameOf, resolve } from './description.js';
import { countRows, element, inline, paragraphs, prettyText } from './elements.js';
import { makeSocketPanel, makeStreamPanel } from './live.js';

/** [{parameter, read(): text, mark(problem)}] and the fields that they are read from. */
function makeFields (operation) {
  // A page cannot set headers of a stream or a handshake, and sends bodies as they are written.
  const shown = operation.socket !== null ? [] : operation.parameters.filter (
    one => one.in !== 'header' || (!operation.isStream && one.name !== 'Content-Encoding'));
  return shown.map (parameter => {
    const id = `${operation.operationId}-${parameter.name}`;
    const schema = resolve (parameter.schema);
    const isNumber = schema.type === 'integer' || schema.type === 'number';
    const example = parameter.example;
    const input = element ('input', {
      id, type: 'text', inputmode: isNumber ? 'decimal' : null, autocomplete: 'off', spellcheck: 'false',
      required: parameter.required, 'aria-describedby': `${id}-hint ${id}-problem`,
      placeholder: example === undefined ? null : 'e.g. ' + [example].flat ().join (','),
    });
    if (parameter.in === 'path' && operation.operationId === 'getStaticFile')
      input.value = example;
    const problem = element ('p', { class: 'problem', id: id + '-problem', hidden: true });
    const mark = text => {
      problem.textContent = text;
      problem.hidden = text === '';
      if (text === '')
        input.removeAttribute ('aria-invalid');
      else
        input.setAttribute ('aria-invalid', 'true');
    };
    input.addEventListener ('input', () => mark (''));
    const view = element ('div', { class: 'field' },
      element ('label', { for: id }, element ('code', {}, parameter.name),
        element ('span', { class: 'place' }, parameter.in + (parameter.required ? ' · required' : ''))),
      element ('p', { class: 'hint', id: id + '-hint' }, inline (parameter.description ?? ''), ' ',
        element ('span', { class: 'type' }, describeType (parameter.schema))),
      input, problem);
    return { parameter, view, input, mark, read: () => input.value };
  });
}

function makeEditor (operation) {
  const content = operation.requestBody?.content?.['application/json'];
  if (content === undefined)
    return null;

  const id = operation.operationId + '-body';
  const isRequired = operation.requestBody.required === true;
  const examples = [...isRequired ? [] : [{ name: 'No body', text: '' }], ...listExamples (content)];
  const note = element ('span', { class: 'note', role: 'status' });
  const editor = element ('textarea', { id, rows: countRows (examples[0].text), spellcheck: 'false', autocapitalize: 'off' });
  const check = () => {
    try {
      if (editor.value !== '' || isRequired)
        JSON.parse (editor.value);
      note.textContent = '';
    } catch {
      note.textContent = 'not valid JSON';
    }
  };
  const choices = examples.map ((example, index) => element ('option', { value: index }, example.name));
  const put = text => { editor.value = text; editor.dispatchEvent (new Event ('input', { bubbles: true })); };
  const chooser = element ('select', { 'aria-label': 'Example', change: () => put (examples[chooser.value].text) }, choices);
  editor.value = examples[0].text;
  editor.addEventListener ('input', check);
  return {
    read: () => editor.value !== '' || isRequired ? editor.value : null,
    view: element ('div', { class: 'field' },
      element ('div', { class: 'row' }, element ('label', { for: id }, 'Body'), note,
        examples.length > 1 ? chooser : null,
        element ('button', { type: 'button', class: 'quiet', click: () => put (prettyText (editor.value)) }, 'Format')),
      editor),
  };
}

/** What would be sent now: {method, url, headers, body}. */
function makeRequest (operation, fields, editor, key) {
  const headers = {};
  const query = new URLSearchParams ();
  let path = operation.path;
  for (const { parameter, read } of fields) {
    const value = read ();
    // What is not filled in yet stays a name in braces: an empty one would be another path.
    if (parameter.in === 'path' && value !== '')
      path = path.replace (`{${parameter.name}}`, encodeURIComponent (value));
    else if (value !== '' && parameter.in === 'query')
      query.append (parameter.name, value);
    else if (value !== '' && parameter.in === 'header')
      headers[parameter.name] = value;
  }
  const body = editor === null ? null : editor.read ();
  if (body !== null)
    headers['Content-Type'] = 'application/json';
  if (key !== '' && !operation.isOpen && !operation.isStream)
    headers['X-API-Key'] = key;
  if (key !== '' && (operation.isStream || operation.socket !== null))
    query.append ('api_key', key);
  const search = query.size > 0 ? '?' + query : '';
  return { method: operation.method, url: base + path.slice (1) + search, headers, body };
}

/** A button; for what cannot be taken back it asks once more. */
function makeSendButton (operation, send) {
  const isGrave = operation.method === 'DELETE';
  const label = isGrave ? 'Delete' : 'Send request';
  let isArmed = !isGrave;
  const button = element ('button', { type: 'submit', class: isGrave ? 'primary grave' : 'primary' }, label);
  const disarm = () => { isArmed = !isGrave; button.textContent = label; };
  button.addEventListener ('blur', disarm);
  return {
    button,
    press () {
      if (!isArmed) {
        isArmed = true;
        button.textContent = 'Really delete? Press again';
        return;
      }
      disarm ();
      send ();
    },
  };
}

function schemaRows (schema, depth) {
  const found = resolve (schema);
  return Object.entries (found.properties ?? {}).flatMap (([name, member]) => {
    const inner = resolve (member);
    const below = inner.items !== undefined ? resolve (inner.items) : inner;
    const row = element ('tr', {},
      element ('th', { scope: 'row', class: 'depth-' + depth }, element ('code', {}, name),
        found.required?.includes (name) ? element ('span', { class: 'required' }, 'required') : null),
      element ('td', {}, describeType (member),
        inner.description !== undefined ? element ('span', { class: 'hint' }, inline (inner.description)) : null));
    return [row, ...(depth < 2 && below.properties !== undefined ? schemaRows (below, depth + 1) : [])];
  });
}

function schemaTable (schema, caption) {
  const found = resolve (schema);
  const items = found.items !== undefined ? found.items : schema;
  const rows = schemaRows (items, 0);
  if (rows.length === 0)
    return null;
  return element ('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': caption },
    element ('table', {}, element ('caption', {}, caption), element ('tbody', {}, rows)));
}

function answerList (operation) {
  const rows = Object.entries (operation.responses).map (([status, reference]) => {
    const answer = resolve (reference);
    const schema = Object.values (answer.content ?? {})[0]?.schema;
    const table = schema === undefined || status[0] !== '2' ? null
      : schemaTable (schema, nameOf (schema.items ?? schema) ?? 'Members of the answer');
    return element ('li', {},
      element ('span', { class: 'status', 'data-class': status[0] }, status),
      element ('div', {}, element ('span', {}, inline (answer.description)), table));
  });
  return element ('details', { class: 'answers' }, element ('summary', {}, 'Possible answers'), element ('ul', {}, rows));
}

/** The inside of an operation. readKey(): the key of the page; onKey(f): f is called when it changes. */
export function makeOperation (operation, readKey, onKey) {
  const fields = makeFields (operation);
  const editor = makeEditor (operation);
  const curl = makeCurlView ();
  const answer = makeAnswerView ();
  const current = () => makeRequest (operation, fields, editor, readKey ());
  const bodySchema = operation.requestBody?.content?.['application/json']?.schema ?? operation.socket?.send;
  const left = element ('div', { class: 'ask' });
  const right = element ('div', { class: 'told' });
  const form = element ('form', { class: 'form', novalidate: true }, fields.map (field => field.view), editor?.view);

  async function send () {
    const missing = fields.filter (field => field.parameter.required && field.read () === '');
    missing.forEach (field => field.mark (`${field.parameter.name} is required.`));
    if (missing.length > 0) {
      answer.clear ();
      missing[0].input.focus ();
      return;
    }
    const request = current ();
    const startedMsec = performance.now ();
    answer.wait ();
    try {
      const response = await fetch (request.url, {
        method: request.method, headers: request.headers, body: request.body ?? undefined, cache: 'no-store', credentials: 'omit',
      });
      await answer.show (response, startedMsec);
    } catch (error) {
      answer.fail (error);
    }
  }

  const showCurl = () => curl.show (curlLine (current (), operation.isStream));
  form.addEventListener ('input', showCurl);
  form.addEventListener ('change', showCurl);
  form.addEventListener ('submit', event => event.preventDefault ());

  if (operation.isStream) {
    const panel = makeStreamPanel (() => current ().url);
    form.append (element ('div', { class: 'row actions' }, panel.controls));
    right.append (panel.view, curl.view);
  } else if (operation.socket !== null) {
    const panel = makeSocketPanel (() => current ().url.replace (/^http/, 'ws'), operation.socket.example,
      operation.operationId === 'openPublishSocket' ? 'One event for each message.' : 'First a filter; then ping or update_filters.');
    form.append (panel.form, element ('div', { class: 'row actions' }, panel.controls));
    right.append (panel.view);
  } else {
    const button = makeSendButton (operation, send);
    form.addEventListener ('submit', button.press);
    form.append (element ('div', { class: 'row actions' }, button.button));
    right.append (answer.view, curl.view);
    onKey (showCurl);
  }
  if (operation.isStream)
    onKey (showCurl);
  showCurl ();

  left.append (...paragraphs (operation.description), needs (operation), form);
  const below = element ('div', { class: 'reference' },
    bodySchema === undefined ? null : element ('details', {}, element ('summary', {}, 'Members of the body'),
      schemaTable (bodySchema, nameOf (bodySchema) ?? 'Body')),
    answerList (operation));
  return [element ('div', { class: 'pair' }, left, right), below];
}

function needs (operation) {
  const words = [];
  if (operation.isOpen)
    words.push ('Never needs a key.');
  else if (operation['x-scope'] !== undefined)
    words.push ('A key needs the scope ', element ('code', {}, operation['x-scope']), '.');
  if (operation['x-rate-class'] !== undefined)
    words.push (' Counts against the limit ', element ('code', {}, operation['x-rate-class']), '.');
  return element ('p', { class: 'soft needs' }, words);
}
