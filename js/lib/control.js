/** The control routes of a server that simulates, and the form of rules in a path segment. */

import { request as httpRequest } from "node:http";
import { FhirliteError } from "./error.js";

/**
 * Sends a request; gives the JSON of the answer, or null for an answer without a body. `body` is sent as it is where it
 * is a Buffer, else as JSON. No proxy and no replaced `fetch` comes between: tests replace it.
 */
export function ask(url, timeout, method, route, body) {
  const bytes = body === undefined || Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
  const headers = bytes ? { "Content-Type": "application/json", "Content-Length": bytes.length } : {};
  return new Promise((resolve, reject) => {
    const refuse = (what) => reject(new FhirliteError(`${method} ${route}: ${what}`));
    const request = httpRequest(url + route, { method, headers, agent: false, timeout });
    request.on("timeout", () => request.destroy(new Error(`no answer within ${timeout} ms`)));
    request.on("error", (error) => refuse(error.message));
    request.on("response", (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("error", (error) => refuse(error.message));
      response.on("end", () => {
        const text = Buffer.concat(chunks).toString("utf8");
        if (response.statusCode >= 300) return refuse(reasonOf(text) || `status ${response.statusCode}`);
        try {
          resolve(text.trim() ? JSON.parse(text) : null);
        } catch {
          refuse(`the answer is not JSON: ${text.slice(0, 200)}`);
        }
      });
    });
    request.end(bytes);
  });
}

/** What an OperationOutcome or an error of OAuth says; the text itself where it is neither. */
function reasonOf(text) {
  try {
    const answer = JSON.parse(text);
    if (answer.issue) return answer.issue.map((each) => each.diagnostics ?? each.code).join("; ");
    if (answer.error) return [answer.error, answer.error_description].filter(Boolean).join(": ");
  } catch {
    // Not JSON.
  }
  return text.trim();
}

/** An answer with its members named as JavaScript names them. What they hold stays as it is. */
export function inCamelCase(answer) {
  const rename = (name) => name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());
  return Object.fromEntries(Object.entries(answer).map(([name, value]) => [rename(name), value]));
}

/** The path segment of rules. */
export function segmentOf(rules, test) {
  return Buffer.from(JSON.stringify({ faults: rules, test })).toString("base64url");
}
