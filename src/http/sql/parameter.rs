//! The parameters of `$sql-run` and `$sql-export`: one table.
//!
//! <https://sql-on-fhir.org/ig/OperationDefinition-SQLRun.html>, <https://sql-on-fhir.org/ig/OperationDefinition-SQLExport.html>.
//! From this table come the reading of requests (`input.rs`) and the OperationDefinitions (`definition.rs`). The names
//! of version 2 are taken beside those of 3.0: `viewReference`, `viewResource`, `queryReference`, `queryResource`, `view`.

/// An operation of SQL on FHIR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SqlOperation {
    /// `$sql-run`: answers with rows.
    Run,
    /// `$sql-export`: begins a job.
    Export,
}

/// What a parameter holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// A simple value, which a query may have.
    Value,
    /// A resource: it takes a POST.
    Resource,
    /// Parts: it takes a POST.
    Parts,
}

/// A parameter.
pub struct SqlParameter {
    /// The name.
    pub name: &'static str,
    /// The FHIR type; empty for a parameter that has parts.
    pub fhir_type: &'static str,
    /// What it holds.
    pub holds: Holds,
    /// Whether `$sql-run` takes it.
    pub on_run: bool,
    /// Whether `$sql-export` takes it.
    pub on_export: bool,
    /// Whether it may be repeated.
    pub is_repeated: bool,
    /// Whether it is one of version 2 alone, which no OperationDefinition lists.
    pub is_former: bool,
    /// One line for the OperationDefinition.
    pub documentation: &'static str,
}

/// The row that all others begin with.
const ROW: SqlParameter = SqlParameter {
    name: "",
    fhir_type: "string",
    holds: Holds::Value,
    on_run: true,
    on_export: true,
    is_repeated: false,
    is_former: false,
    documentation: "",
};

/// The first column of rows for the names of version 2.
const FORMER: SqlParameter = SqlParameter { is_former: true, on_export: false, ..ROW };

/// Every parameter that is taken.
pub static PARAMETERS: [SqlParameter; 22] = [
    SqlParameter {
        name: "subjectCanonical",
        fhir_type: "canonical",
        on_export: false,
        documentation: "The canonical URL of a ViewDefinition or SQLQuery Library, or of a view of the store; |version may follow",
        ..ROW
    },
    SqlParameter {
        name: "subjectReference",
        fhir_type: "Reference",
        on_export: false,
        documentation: "ViewDefinition/id or Library/id on this server, or the name of a view of the store",
        ..ROW
    },
    SqlParameter {
        name: "subjectResource",
        fhir_type: "CanonicalResource",
        holds: Holds::Resource,
        on_export: false,
        documentation: "A ViewDefinition or SQLQuery Library itself (POST)",
        ..ROW
    },
    SqlParameter { name: "viewReference", ..FORMER },
    SqlParameter { name: "viewResource", holds: Holds::Resource, ..FORMER },
    SqlParameter { name: "queryReference", ..FORMER },
    SqlParameter { name: "queryResource", holds: Holds::Resource, ..FORMER },
    SqlParameter {
        name: "parameters",
        fhir_type: "Parameters",
        holds: Holds::Resource,
        on_export: false,
        documentation: "The values of the parameters that a SQLQuery Library declares (POST)",
        ..ROW
    },
    SqlParameter {
        name: "context",
        fhir_type: "CanonicalResource",
        holds: Holds::Resource,
        on_export: false,
        is_repeated: true,
        documentation: "ViewDefinitions that a SQLQuery Library depends on and the server does not have (POST)",
        ..ROW
    },
    SqlParameter {
        name: "resource",
        fhir_type: "Resource",
        holds: Holds::Resource,
        on_export: false,
        is_repeated: true,
        documentation: "Resources to make rows of, instead of those of the store; a Bundle stands for its entries (POST)",
        ..ROW
    },
    SqlParameter {
        name: "subject",
        fhir_type: "",
        holds: Holds::Parts,
        on_run: false,
        is_repeated: true,
        documentation: "What is exported: name, and one of subjectCanonical, subjectReference and subjectResource",
        ..ROW
    },
    SqlParameter {
        name: "view",
        fhir_type: "",
        holds: Holds::Parts,
        on_run: false,
        is_repeated: true,
        is_former: true,
        ..ROW
    },
    SqlParameter {
        name: "clientTrackingId",
        on_run: false,
        documentation: "Comes back in the result",
        ..ROW
    },
    SqlParameter {
        name: "_format",
        fhir_type: "code",
        documentation: "csv, ndjson (default), json or parquet, or the media type of one of them",
        ..ROW
    },
    SqlParameter {
        name: "header",
        fhir_type: "boolean",
        documentation: "Whether the first line of CSV has the names of the columns (default true)",
        ..ROW
    },
    SqlParameter {
        name: "patient",
        fhir_type: "Reference",
        is_repeated: true,
        documentation: "Only what an export of these patients has",
        ..ROW
    },
    SqlParameter {
        name: "group",
        fhir_type: "Reference",
        documentation: "Only what an export of this Group has",
        ..ROW
    },
    SqlParameter {
        name: "_since",
        fhir_type: "instant",
        documentation: "Only resources with meta.lastUpdated after this",
        ..ROW
    },
    SqlParameter {
        name: "_limit",
        fhir_type: "integer",
        on_export: false,
        documentation: "At most so many rows",
        ..ROW
    },
    // Credentials do not count in a query, where others could read them.
    SqlParameter { name: "client_id", is_former: true, ..ROW },
    SqlParameter { name: "client_secret", is_former: true, ..ROW },
    SqlParameter { name: "access_token", is_former: true, ..ROW },
];

impl SqlParameter {
    /// The parameter with this name, if the operation takes it.
    pub fn named(name: &str, operation: SqlOperation) -> Option<&'static SqlParameter> {
        PARAMETERS.iter().find(|one| one.name == name && one.is_on(operation))
    }

    /// The parameters that the OperationDefinition of an operation lists.
    pub fn listed(operation: SqlOperation) -> impl Iterator<Item = &'static SqlParameter> {
        PARAMETERS.iter().filter(move |one| one.is_on(operation) && !one.is_former)
    }

    fn is_on(&self, operation: SqlOperation) -> bool {
        match operation {
            SqlOperation::Run => self.on_run,
            SqlOperation::Export => self.on_export,
        }
    }
}
