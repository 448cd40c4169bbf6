/** A FHIR Bulk Data server for tests: it starts in milliseconds, and misbehaves on demand. */

export { findFhirliteBinary } from "./lib/binary.js";
export { SmartClient } from "./lib/client.js";
export { FhirliteError } from "./lib/error.js";
export { Server, start } from "./lib/server.js";
