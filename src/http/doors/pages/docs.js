// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright 2026 The Belfry authors

// The page: contents, key, and a section for each operation, whose inside is made when it is first opened.

import { listOperations, load } from './description.js';
import { element, inline, paragraphs } from './elements.js';
import { makeOperation } from './operation.js';

const KEY = 'belfry-key';
const keyField = document.getElementById ('key');
const keyListeners = [];

function readKey () {
  return keyField.value;
}

/** The key lives as long as the tab does, and goes nowhere but into requests. */
function setUpKey () {
  const show = document.getElementById ('key-show');
  keyField.value = sessionStorage.getItem (KEY) ?? '';
  keyField.addEventListener ('input', () => {
    if (keyField.value === '')
      sessionStorage.removeItem (KEY);
    else
      sessionStorage.setItem (KEY, keyField.value);
    keyListeners.forEach (listener => listener ());
  });
  show.addEventListener ('click', () => {
    const isShown = keyField.type === 'text';
    keyField.type = isShown ? 'password' : 'text';
    show.textContent = isShown ? 'Show' : 'Hide';
    show.setAttribute ('aria-pressed', String (!isShown));
  });
  document.getElementById ('key-form').addEventListener ('submit', event => event.preventDefault ());
}

function methodLabel (operation) {
  const label = operation.socket !== null ? 'WS' : operation.isStream ? 'SSE' : operation.method;
  return element ('span', { class: 'method', 'data-method': label }, label);
}

function makeSection (operation) {
  const id = operation.operationId;
  const inside = element ('div', { class: 'inside', id: id + '-inside', hidden: true });
  const button = element ('button', { type: 'button', 'aria-expanded': 'false', 'aria-controls': id + '-inside' },
    methodLabel (operation), element ('code', { class: 'path' }, operation.path), element ('span', { class: 'summary' }, operation.summary));
  const section = element ('section', { class: 'operation', id }, element ('h3', {}, button), inside);

  function set (isOpen) {
    if (isOpen && inside.childElementCount === 0)
      inside.append (...makeOperation (operation, readKey, listener => keyListeners.push (listener)));
    inside.hidden = !isOpen;
    button.setAttribute ('aria-expanded', String (isOpen));
  }

  button.addEventListener ('click', () => set (inside.hidden));
  return { section, open: () => set (true) };
}

function makeContents (groups) {
  const list = groups.map (({ tag, operations }) => element ('div', {},
    element ('h2', {}, tag.name),
    element ('ul', {}, operations.map (operation => element ('li', {},
      element ('a', { href: '#' + operation.operationId, title: operation.path }, methodLabel (operation),
        element ('span', {}, operation.summary)))))));
  return element ('details', { open: window.innerWidth > 800 }, element ('summary', {}, 'Operations'), list);
}

/** Opens what the address names. */
function followHash (sections) {
  const named = sections.get (decodeURIComponent (location.hash.slice (1)));
  if (named === undefined)
    return;
  named.open ();
  named.section.scrollIntoView ();
}

function show (description) {
  const main = document.getElementById ('operations');
  const contents = document.getElementById ('contents');
  const groups = listOperations ();
  const sections = new Map ();
  const [first, ...rest] = paragraphs (description.info.description);

  document.title = `${description.info.title} API`;
  document.getElementById ('version').textContent = description.info.version;
  document.getElementById ('introduction').append (
    element ('p', { class: 'lead' }, inline (description.info.summary + '.')), first,
    element ('details', {}, element ('summary', {}, 'What holds for every request'), rest));
  document.getElementById ('loading').remove ();
  for (const { tag, operations } of groups) {
    main.append (element ('section', { class: 'group' },
      element ('h2', {}, tag.name), element ('p', { class: 'soft' }, inline (tag.description)),
      operations.map (operation => {
        const made = makeSection (operation);
        sections.set (operation.operationId, made);
        return made.section;
      })));
  }
  contents.append (makeContents (groups));
  contents.addEventListener ('click', event => {
    const link = event.target.closest ('a');
    if (link !== null && link.hash === location.hash)
      followHash (sections);
  });
  window.addEventListener ('hashchange', () => followHash (sections));
  followHash (sections);
}

setUpKey ();
try {
  show (await load ());
} catch (error) {
  document.getElementById ('loading').textContent = `${error.message}. The service may be away; reload the page to try again.`;
}
