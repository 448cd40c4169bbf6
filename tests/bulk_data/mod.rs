//! Exports at `/fhir`, held to the Bulk Data implementation guide sentence by sentence.
//!
//! Each SHALL of the guide's export, async and publish pages that binds a server, and that a client can observe, stands
//! above the test that holds the server to it. The other ones are listed below, with the reasons.
//!
//! The quotes are from the guide's continuous build (STU4, July 2026), with lists run together. Where the async page
//! has a sentence of the export page, it says "server" for "Data Provider". Most tests run both editions of the
//! operation: `$export` (STU2 and 3) and `$export-v4` (STU4).

mod attachments;
mod authorization;
mod binaries;
mod blocks;
mod client;
mod data;
mod deletions;
mod files;
mod filters;
mod following;
mod groups;
mod hostile;
mod kick_off;
mod manifest;
mod member_filters;
mod publish;
mod publish_validators;
mod status;
mod type_filter;
mod type_filter_changes;
mod type_filter_faults;

// Sentences without a test:
//
// A proxy does this:
//
//   export: All exchanges described herein between a Data Consumer and a Data Provider SHALL be
//     secured using [Transport Layer Security (TLS) Protocol Version 1.2
//     (RFC5246)](https://tools.ietf.org/html/rfc5246) or a more recent version of TLS.
//
// These bind the client:
//
//   export, async: If the `requiresAccessToken` field in the manifest is set to `true`, the request
//     SHALL include a valid access token.
//   publish: If the `requiresAccessToken` element in the manifest is set to `true`, the request
//     SHALL include a valid access token.
//   export, async, publish: A Data Consumer SHALL NOT provide a SMART Backend Services access token
//     when dereferencing a URL from a manifest entry where `requiresAccessToken` is `false`.
//   export, async, publish: A Data Consumer SHALL accept files that are uncompressed or encoded
//     with `gzip` compression, and MAY accept files encoded with other compression formats.
//   publish: A Data Consumer SHALL process a manifest one page at a time by (1) inserting or
//     updating all FHIR resources in files in the `output` array in array order, followed by (2)
//     deleting all resources listed in files in the `deleted` array in array order.
//   publish: When the same resource type and logical id appear more than once, the Data Consumer
//     SHALL keep the latest version by manifest order, unless it is later removed by a `deleted`
//     entry.
//
// These bind servers that publish several pages, incremental updates, or files by patient; here a
// published manifest is one page with all files, by type:
//
//   publish: All fields in the linked manifest SHALL be populated with the same values as the
//     manifest with the link, apart from the `output`, `deleted`, `outcome`, and `link` arrays.
//   publish: When doing so, the Data Provider SHALL indicate to the Data Consumer that it will be
//     adding additional pages to the manifest chain by including a single `link` element with a
//     `relation` that has a value of `next` and a `url` element that has a value of `#pending` in
//     the last page of the manifest chain.
//   publish: To indicate that additional pages will be added to it with incremental updates, the
//     Data Provider SHALL include a single instance of a `link` element that has a `relation`
//     element with a value of `next`, and a `url` element pointing to the location of a "stub"
//     manifest that does not contain files, but does contain a `#pending` next link URL.
//   publish: When an incremental update is available, the Data Provider SHALL update the link
//     element in the last manifest page in the chain from `#pending` to the URL of the new manifest
//     page.
//   publish: A Data Provider SHALL end a manifest chain and indicate that a Data Consumer should
//     reset their dataset to a new snapshot by replacing a `#pending` link URL value with a value
//     of `#closed`, or by replacing the `#pending` link URL with a manifest that has a next link
//     URL of `#closed`.
//   publish: When the `outputOrganizedBy` element is populated with a resource type, the output
//     files SHALL be populated with blocks consisting of a header `Parameters` resource containing
//     a parameter named `header` with a reference to a resource of the type specified by
//     `outputOrganizedBy`, followed by the resource referenced in this header and resources that
//     reference the resource referenced in the header (together a "resource block").
//   publish: If a resource block does span more than one file, the header SHALL be repeated at the
//     start of each file where the block continues, and the association between these files SHALL
//     be documented in the manifest using the `continuesInFile` element in the relevant `output`
//     array items.
