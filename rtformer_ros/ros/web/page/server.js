// SPDX-FileCopyrightText: 2026 The rtformer_ros developers
// SPDX-License-Identifier: Apache-2.0
/** The server of this page: questions and changes, and why they are refused. */

/** What the server says is wrong; status 0 where it does not answer. */
export class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function ask(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Refusal(0, 'The server of this page does not answer. It is tried again.');
  }
  if (response.ok) return response;
  const told = await response.json().catch(() => ({}));
  throw new Refusal(response.status, told.error || response.statusText);
}

/** Return what the server answers as values. */
export async function get(path, query = {}, options = {}) {
  return (await ask(`${path}?${new URLSearchParams(query)}`, options)).json();
}

/** Return the response with a picture, null where none came in time. */
export async function getPicture(query, options) {
  const response = await ask(`api/picture?${new URLSearchParams(query)}`, options);
  return response.status === 204 ? null : response;
}

/** Ask for a change; return {successful, reason}. */
export async function post(path, body = {}) {
  try {
    const headers = { 'Content-Type': 'application/json' };
    return await (await ask(path, { method: 'POST', headers, body: JSON.stringify(body) })).json();
  } catch (error) {
    return { successful: false, reason: error.message };
  }
}
