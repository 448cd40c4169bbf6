//! Export: a request → a plan (files as ranges or lists, with counts and exact lengths) → NDJSON.
//!
//! Nothing is materialised: a file is a query on a snapshot. `parameter` lists what a client may
//! ask for, `read` makes a request of it, `plan` finds the files, `lines` writes them, `jobs` keeps
//! an export for its client.

mod all_blocks;
mod all_files;
mod all_patients;
mod attachments;
mod binaries;
mod block_lines;
#[cfg(feature = "parquet")]
mod body_run;
mod by_patient;
mod by_type;
mod cadence;
mod check;
mod cohort;
mod deletions;
mod edition;
mod everything;
mod file;
mod file_scan;
mod filter;
mod filtered;
mod folder;
mod group_list;
mod job;
mod jobs;
mod lines;
mod made;
mod manifest;
mod member_filters;
mod members;
mod packed;
mod parameter;
mod parquet_folder;
mod parts;
mod permission;
mod plan;
mod portion;
mod progress;
mod provenance;
mod queue;
mod read;
mod reader;
mod references;
mod request;
mod rows;
mod scope;
mod seq_set;
mod shape;
mod token;
mod type_filter;
mod type_names;
mod versions;
mod view_export;
mod view_files;
mod view_folder;
mod view_run;
mod whole;
mod window;
mod workers;

pub use cadence::UpdateCadence;
pub use edition::Edition;
pub use everything::PatientRecord;
pub use file::{File, Purpose};
pub use filter::ExportFilter;
pub use folder::{ExportSummary, Folder};
pub use group_list::GroupList;
pub use job::{JobStatus, KickOff, ListedJob};
pub use jobs::{JobList, Jobs};
pub use lines::write;
pub use manifest::{Manifest, ManifestHeader, Output};
pub use parameter::{ExportOption, ExportParameter, export_options};
pub use parts::FileLimits;
pub use permission::Permission;
pub use plan::Plan;
pub use reader::{KickOffRules, id_of, instant};
pub use request::{AssociatedData, ExportRequest, Level};
pub use shape::ResourceShape;
pub use token::{FileClaims, Signer};
pub use view_export::{ExportedView, ViewExport};
pub use view_folder::{NamedViews, ViewFolderSummary};
pub use view_run::{ViewRun, ViewSummary};
