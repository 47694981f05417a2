// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright 2026 The Belfry authors

// The description of the service, read once, and what the page wants to know of it.

let description = null;

/** Where the service is, seen from this page; ends with a slash. */
export const base = new URL ('.', location.href).href.replace (/api\/v1\/$/, '');

export async function load () {
  const response = await fetch ('openapi.json');
  if (!response.ok)
    throw new Error (`The description was answered with ${response.status}`);
  description = await response.json ();
  return description;
}

/** What a reference stands for; anything else is itself. */
export function resolve (thing) {
  let found = thing;
  for (let hops = 0; found?.$ref !== undefined && hops < 10; hops++)
    found = found.$ref.slice (2).split ('/').reduce ((parent, name) => parent?.[name], description);
  return found ?? {};
}

/** The name of what is referred to, for a person. */
export function nameOf (thing) {
  return thing?.$ref?.split ('/').pop () ?? null;
}

/** [{tag, operations: [{method, path, parameters, …}]}], in the order of the description. */
export function listOperations () {
  const groups = description.tags.map (tag => ({ tag, operations: [] }));
  for (const [path, methods] of Object.entries (description.paths)) {
    for (const [method, operation] of Object.entries (methods)) {
      const group = groups.find (one => one.tag.name === operation.tags?.[0]) ?? groups[0];
      group.operations.push ({
        ...operation, method: method.toUpperCase (), path,
        parameters: (operation.parameters ?? []).map (resolve),
        isOpen: operation.security?.length === 0,
        socket: operation['x-websocket'] ?? null,
        isStream: operation.responses['200']?.content?.['text/event-stream'] !== undefined,
      });
    }
  }
  return groups.filter (group => group.operations.length > 0);
}

/** What a schema allows, in a few words. */
export function describeType (schema) {
  const found = resolve (schema);
  const type = found.type ?? (found.oneOf || found.anyOf ? 'string' : 'any');
  if (found.const !== undefined)
    return JSON.stringify (found.const);
  const words = [Array.isArray (type) ? type.join (' or ') : type];
  if (found.enum !== undefined && found.enum.length <= 6)
    words[0] = found.enum.map (value => JSON.stringify (value)).join (', ');
  else if (found.enum !== undefined)
    words.push (`one of ${found.enum.length}`);
  if (found.items !== undefined)
    words.push (`of ${nameOf (found.items) ?? describeType (found.items)}`);
  return words.join (' ') + describeLimits (found);
}

function describeLimits (schema) {
  const limits = [];
  const range = (least, most, one) => {
    const unit = one === '' ? '' : ` ${one}${(most ?? least) === 1 ? '' : 's'}`;
    if (least !== undefined && most !== undefined)
      limits.push (`${least}–${most}${unit}`);
    else if (most !== undefined)
      limits.push (`at most ${most}${unit}`);
    else if (least !== undefined)
      limits.push (`at least ${least}${unit}`);
  };
  range (schema.minLength, schema.maxLength, 'character');
  range (schema.minimum, schema.maximum, '');
  range (schema.minItems, schema.maxItems, 'item');
  range (schema.minProperties, schema.maxProperties, 'member');
  if (schema.default !== undefined && typeof schema.default !== 'object')
    limits.push (`default ${schema.default}`);
  return limits.length > 0 ? ' · ' + limits.join (' · ') : '';
}

/** The examples of a request body: [{name, text}]. */
export function listExamples (content) {
  if (content?.examples !== undefined) {
    return Object.entries (content.examples).map (([name, example]) => ({
      name: example.summary ?? name, text: JSON.stringify (example.value, null, 2),
    }));
  }
  if (content?.example !== undefined)
    return [{ name: 'Example', text: JSON.stringify (content.example, null, 2) }];
  return [{ name: 'Empty', text: '{}' }];
}
