/** What the examples test: an exporter of FHIR Bulk Data that tries a download again. */

import { setTimeout } from "node:timers/promises";

/**
 * All resources of a server.
 * @param {string} base
 * @param {string} [token]
 * @returns {Promise<{ resourceType: string, id: string }[]>}
 */
export async function exportAll(base, token) {
  const headers = { Prefer: "respond-async", ...(token && { Authorization: `Bearer ${token}` }) };
  const kickoff = await fetch(`${base}/$export`, { headers });
  if (kickoff.status !== 202) throw new Error(`kick-off: status ${kickoff.status}`);
  const job = kickoff.headers.get("Content-Location") ?? "";
  let status = await fetch(job, { headers });
  while (status.status === 202) {
    await setTimeout(1000 * Number(status.headers.get("Retry-After") ?? 1));
    status = await fetch(job, { headers });
  }
  const { output } = await status.json();
  const resources = [];
  for (const { url } of output) resources.push(...(await download(url, headers)));
  return resources;
}

/**
 * The resources of a file.
 * @param {string} url
 * @param {Record<string, string>} headers
 * @param {number} [tries]
 * @returns {Promise<{ resourceType: string, id: string }[]>}
 */
async function download(url, headers, tries = 3) {
  try {
    const response = await fetch(url, { headers });
    if (!response.ok) throw new Error(`${url}: status ${response.status}`);
    const lines = (await response.text()).split("\n");
    return lines.filter((line) => line).map((line) => JSON.parse(line));
  } catch (error) {
    if (tries === 1) throw error;
    return download(url, headers, tries - 1);
  }
}
