/**
 * A registered client of SMART Backend Services, which can ask for a token.
 * https://hl7.org/fhir/smart-app-launch/backend-services.html
 */

import { createPrivateKey, randomUUID, sign } from "node:crypto";
import { FhirliteError } from "./error.js";

/** How long an assertion is valid, in seconds. Five minutes are the most. */
const LIFETIME = 240;

const base64url = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

/** A client with a key of its own. `Server.client` makes it. */
export class SmartClient {
  constructor({ clientId, scope, tokenUrl, key, jwks, privateKeyPem }) {
    /** The id of the client. */
    this.clientId = clientId;
    /** The most that it may ask for. */
    this.scope = scope;
    this.tokenUrl = tokenUrl;
    /** The private key as a JWK, and what is public of it as a JWK Set. */
    this.key = key;
    this.jwks = jwks;
    this.privateKeyPem = privateKeyPem;
  }

  /** A signed assertion for the token endpoint. `seconds` moves its times, for tests of clocks that are off. */
  assertion({ tokenUrl = this.tokenUrl, seconds = 0 } = {}) {
    const now = Math.floor(Date.now() / 1000) + seconds;
    const header = { alg: this.key.alg, kid: this.key.kid, typ: "JWT" };
    const claims = { iss: this.clientId, sub: this.clientId, aud: tokenUrl, iat: now, exp: now + LIFETIME, jti: randomUUID() };
    const signed = `${base64url(header)}.${base64url(claims)}`;
    const key = createPrivateKey({ key: this.key, format: "jwk" });
    const signature = sign("sha384", Buffer.from(signed), { key, dsaEncoding: "ieee-p1363" });
    return `${signed}.${signature.toString("base64url")}`;
  }

  /** A new access token. */
  async token({ scope = this.scope, tokenUrl = this.tokenUrl } = {}) {
    const form = new URLSearchParams({
      grant_type: "client_credentials",
      scope,
      client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
      client_assertion: this.assertion({ tokenUrl }),
    });
    const response = await fetch(tokenUrl, { method: "POST", body: form });
    const answer = await response.text();
    if (!response.ok) throw new FhirliteError(`${tokenUrl}: status ${response.status}: ${answer}`);
    return JSON.parse(answer).access_token;
  }
}
