/// <reference lib="esnext.disposable" />

/** A rule: in its short form, `file: cut_bytes=1000; times=1`, or as a JSON object. See docs/simulate.md of fhirlite. */
export type Rule = string | { at: Place; [member: string]: string | number | boolean };

/** Where a rule applies. */
export type Place = "token" | "kickoff" | "status" | "file" | "delete" | "metadata" | "read" | "search";

/** A FHIR resource. */
export interface Resource {
  resourceType: string;
  [member: string]: unknown;
}

/** A request that the server got. */
export interface JournalEntry {
  method: string;
  path: string;
  query: string;
  /** The headers; secrets stand as `…`. */
  headers: Record<string, string>;
  status: number;
  /** The length of the body, as it was sent. */
  bytes: number;
  time: string;
  /** The rules that changed the answer, in their short form; empty without one. */
  fault: string;
}

export interface StartOptions {
  /** What is imported first: paths of files and folders, or resources. */
  sources?: (string | Resource)[];
  /** Whether the sample data, 25 synthetic patients, are there too. */
  sample?: boolean;
  /** Rules from the start. */
  faults?: Rule[];
  /** Whether requests need an access token. */
  auth?: boolean;
  /** A store's file, of which a copy is served. Without it the store begins empty. */
  store?: string;
  /** With a number, the ids of jobs and the tokens are the same each time. */
  seed?: number;
  /** More arguments for `fhirlite serve`. */
  arguments?: string[];
  /** The longest time in milliseconds to wait for the program: until it is ready, answers or ends. 30,000 without it. */
  timeout?: number;
}

export interface AddOptions {
  /** Adds the sample data. */
  sample?: boolean;
  /** All that is added belongs to this user of 1upHealth. */
  user?: User;
}

/** Rules that are in force. */
export interface Faults extends AsyncDisposable {
  /** Puts the earlier rules back, as `await using` does at the end of its block. */
  restore(): Promise<void>;
}

/** A client of 1upHealth. */
export interface SecretClient {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly tokenUrl: string;
}

/** A user of a 1upHealth client, with their tokens. */
export interface User {
  readonly clientId: string;
  /** Where the client is a new one. */
  readonly clientSecret?: string;
  readonly appUserId: string;
  readonly oneupUserId: number;
  readonly tokenUrl: string;
  readonly code: string;
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly expiresIn: number;
}

/** A JSON Web Key. */
export interface Jwk {
  kty: string;
  kid: string;
  alg: string;
  [member: string]: unknown;
}

/** A client of SMART Backend Services, with a key of its own. */
export class SmartClient {
  private constructor();
  readonly clientId: string;
  /** The most that it may ask for. */
  readonly scope: string;
  readonly tokenUrl: string;
  /** The private key. */
  readonly key: Jwk;
  /** The public key, as clients publish it. */
  readonly jwks: { keys: Jwk[] };
  readonly privateKeyPem: string;
  /** A signed assertion. `seconds` moves its times, for tests of clocks that are off. */
  assertion(options?: { tokenUrl?: string; seconds?: number }): string;
  /** A new access token. */
  token(options?: { scope?: string; tokenUrl?: string }): Promise<string>;
}

/** The program did not start, or refused what it was asked. */
export class FhirliteError extends Error {
  name: "FhirliteError";
}

/** A server that runs. Forgotten, it ends with this process. */
export class Server implements AsyncDisposable {
  private constructor();
  /** The URL, without a slash at its end. */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** The store that it serves a copy of: a path, or `:memory:`. */
  readonly store: string;
  /** The base of the HL7 routes. */
  readonly fhirUrl: string;
  /** The base of the 1upHealth routes. */
  readonly oneupUrl: string;
  /** The token endpoint of the HL7 routes. */
  readonly tokenUrl: string;
  /** What the program wrote to standard error. */
  readonly log: string;
  /** Adds or replaces resources: given ones, those of files and folders, or what `AddOptions` says. */
  add(...things: (Resource | string | AddOptions)[]): Promise<void>;
  /** Deletes resources, named as `Patient/a`. */
  delete(...names: string[]): Promise<void>;
  /** Registers a client of SMART Backend Services: `{ scopes: "system/*.rs" }`. */
  client(options: { scopes: string | string[]; clientId?: string }): Promise<SmartClient>;
  /** Registers a client of 1upHealth. */
  client(options?: { clientId?: string }): Promise<SecretClient>;
  /** Registers a user of a 1upHealth client, of a new one where none is named. A user without a name gets one. */
  user(options?: { appUserId?: string; clientId?: string }): Promise<User>;
  /** Puts these rules in force, instead of those before. */
  faults(...rules: Rule[]): Promise<Faults>;
  /** An HL7 base whose requests these rules apply to, and no others. Each call gives another base, or each name. */
  urlWith(rules: Rule[], name?: string): string;
  /** The requests so far with this method, and a path that matches a pattern such as `*.ndjson`; oldest first. */
  requests(method?: string, path?: string): Promise<JournalEntry[]>;
  /** Forgets the requests so far. */
  clearRequests(): Promise<void>;
  /** Puts all back to what it was at the start: the store, the rules, the clock; clients, counts and requests go. */
  reset(): Promise<void>;
  /** Moves the clock of the server ahead, so that tokens and jobs expire. */
  clock(seconds: number): Promise<void>;
  /** Ends the program; gives its exit code. */
  stop(): Promise<number | null>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Starts a server with a store of its own, and waits until it is ready. */
export function start(options?: StartOptions): Promise<Server>;

/** The path of the program. */
export function findFhirliteBinary(): string;
