//! The table of what a rule may say: each member with its places, its type and range, and its effect.
//!
//! The reading and the writing of rules, and the messages that list what there is, come from this table.
//! A new fault is a row here, and its effect in one other file.

use super::place::FaultPlace;
use super::place::FaultPlace::{Delete, File, Kickoff, Metadata, Read, Search, Status, Token};
use super::value::ValueForm;

/// Every place.
const ANYWHERE: &[FaultPlace] = &FaultPlace::ALL;
/// Places whose requests are about one type.
const OF_A_TYPE: &[FaultPlace] = &[File, Read, Search];
/// Places whose requests are about one job or one file.
const OF_A_JOB: &[FaultPlace] = &[Status, File, Delete];
/// Places that need an access token.
const BEHIND_TOKEN: &[FaultPlace] = &[Kickoff, Status, File, Delete, Read, Search];
/// Places whose answers have a body that the server sends in any length.
const WITH_BODY: &[FaultPlace] = &[Token, Kickoff, Status, File, Metadata, Read, Search];

/// The largest numbers of requests, bytes, rows and seconds that a rule may say.
const MOST_REQUESTS: u64 = 1_000_000;
const MOST_BYTES: u64 = 1 << 40;
const MOST_ROWS: u64 = 1_000_000_000;
const MOST_SECONDS: u64 = 31_536_000;
/// The longest line that a rule can make, in bytes.
const LONGEST_LINE: u64 = 256 << 20;

const REQUESTS: ValueForm = ValueForm::Count { least: 1, most: MOST_REQUESTS };
const EACH_ROW: ValueForm = ValueForm::Count { least: 1, most: MOST_ROWS };
const FLAG: ValueForm = ValueForm::Flag;
const NOTICES: ValueForm = ValueForm::Count { least: 1, most: 100_000 };

/// The errors of a token endpoint: <https://www.rfc-editor.org/rfc/rfc6749#section-5.2>.
const TOKEN_ERRORS: &[&str] = &[
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
];
/// The members of a manifest that can be missing.
const MANIFEST_MEMBERS: &[&str] = &[
    "transactionTime",
    "request",
    "requiresAccessToken",
    "output",
    "error",
    "outcome",
    "deleted",
    "link",
];

macro_rules! members {
    ($($(#[doc = $effect:literal])+ $variant:ident $name:literal $places:ident $form:expr,)+) => {
        /// What a rule may say.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum FaultMember {
            $($(#[doc = $effect])+ $variant,)+
        }

        impl FaultMember {
            /// Every member, in the order in which rules are written.
            pub const ALL: &[FaultMember] = &[$(FaultMember::$variant,)+];

            /// The name in a rule.
            pub const fn name(self) -> &'static str {
                match self { $(FaultMember::$variant => $name,)+ }
            }

            /// The places at which the member has a meaning.
            pub const fn places(self) -> &'static [FaultPlace] {
                match self { $(FaultMember::$variant => $places,)+ }
            }

            /// What it does, in a sentence.
            pub const fn effect(self) -> &'static str {
                match self { $(FaultMember::$variant => concat!($($effect),+),)+ }
            }

            /// The type and the range of its value.
            pub const fn form(self) -> ValueForm {
                match self { $(FaultMember::$variant => $form,)+ }
            }
        }
    };
}

members! {
    /// Only requests about this type.
    Type "type" OF_A_TYPE ValueForm::TypeName,
    /// Only requests with, or without, an access token.
    Bearer "token" BEHIND_TOKEN ValueForm::Word(&["absent", "present"]),
    /// Only the n-th of these requests.
    Nth "nth" ANYWHERE REQUESTS,
    /// Not the first n of these requests.
    Skip "skip" ANYWHERE REQUESTS,
    /// At most n times.
    Times "times" ANYWHERE REQUESTS,
    /// Counts by job, or by file, instead of over all requests.
    Each "each" OF_A_JOB FLAG,
    /// Only this share of the requests.
    Probability "probability" ANYWHERE ValueForm::Share,
    /// Which of the requests these are: the same seed chooses the same ones.
    Seed "seed" ANYWHERE ValueForm::Count { least: 0, most: u32::MAX as u64 },
    /// Answers with this status. From 400 on, and for 204, nothing else happens.
    Status "status" ANYWHERE ValueForm::Count { least: 200, most: 599 },
    /// The body of an error.
    Body "body" ANYWHERE ValueForm::Word(&["outcome", "text", "empty"]),
    /// The issue code of the OperationOutcome.
    Code "code" ANYWHERE ValueForm::Text { most: 64 },
    /// What the error says.
    Message "message" ANYWHERE ValueForm::Text { most: 1000 },
    /// The error of the token endpoint.
    TokenError "error" AT_TOKEN ValueForm::Word(TOKEN_ERRORS),
    /// `Retry-After`.
    RetryAfter "retry_after" ANYWHERE ValueForm::Wait,
    /// Redirects to another host, in a loop, or by a relative `Location`.
    Redirect "redirect" ANYWHERE ValueForm::Word(&["foreign", "loop", "relative"]),
    /// The access token is refused from here on, until the client has another one.
    Expired "expired" BEHIND_TOKEN FLAG,
    /// `Content-Location` of the kick-off.
    ContentLocation "content_location" AT_KICKOFF ValueForm::Word(&["absent", "relative", "foreign"]),
    /// The job runs until n status requests were made.
    Polls "polls" AT_STATUS ValueForm::Count { least: 0, most: MOST_REQUESTS },
    /// The job runs for so many seconds from the first status request.
    Seconds "seconds" AT_STATUS ValueForm::Count { least: 0, most: MOST_SECONDS },
    /// `X-Progress` while it runs.
    Progress "progress" AT_STATUS ValueForm::Word(&["absent", "percent", "text", "beyond", "backwards"]),
    /// 429 for a status request before `Retry-After` is over.
    TooFast "too_fast" AT_STATUS FLAG,
    /// The job, or the file, is gone after n requests.
    GoneAfter "gone_after" OF_A_JOB_READ ValueForm::Count { least: 0, most: MOST_REQUESTS },
    /// Members that the manifest lacks.
    Drop "drop" AT_STATUS ValueForm::Words(MANIFEST_MEMBERS),
    /// Keys in the manifest that no specification has.
    Extra "extra" AT_STATUS FLAG,
    /// `count` as a string, or missing.
    CountForm "count" AT_STATUS ValueForm::Word(&["text", "absent"]),
    /// Added to each `count`.
    CountOffset "count_offset" AT_STATUS ValueForm::Offset { most: 1_000_000_000 },
    /// A `transactionTime` that is no instant, or not a time that can be.
    TransactionTime "transaction_time" AT_STATUS ValueForm::Word(&["junk", "empty", "date", "local", "epoch", "future"]),
    /// The form of the URLs of files.
    Urls "urls" AT_STATUS ValueForm::Word(&["relative", "foreign", "duplicate"]),
    /// The rows of each file are there n times, with other ids.
    Copies "copies" AT_STATUS ValueForm::Count { least: 2, most: 1000 },
    /// Each type has n files.
    Files "files" AT_STATUS ValueForm::Count { least: 2, most: 1000 },
    /// Each file has at most n rows.
    RowsPerFile "rows_per_file" AT_STATUS ValueForm::Count { least: 1, most: MOST_ROWS },
    /// Each page of the manifest has n files.
    FilesPerPage "files_per_page" AT_STATUS ValueForm::Count { least: 1, most: 1_000_000 },
    /// Pages without end, or a page whose next page is itself.
    Pages "pages" AT_STATUS ValueForm::Word(&["endless", "loop"]),
    /// Only each n-th file is there; the others are in `error`.
    KeepEvery "keep_every" AT_STATUS ValueForm::Count { least: 2, most: MOST_REQUESTS },
    /// A manifest without files.
    Empty "empty" AT_STATUS FLAG,
    /// The number of fatal OperationOutcomes in `error`.
    Fatals "fatals" AT_STATUS NOTICES,
    /// The number of OperationOutcomes with an error in `error`.
    Errors "errors" AT_STATUS NOTICES,
    /// The number of OperationOutcomes with a warning in `error`.
    Warnings "warnings" AT_STATUS NOTICES,
    /// The number of OperationOutcomes with information in `error`.
    Informations "informations" AT_STATUS NOTICES,
    /// Resources in `deleted`, as `Type/id`.
    Deleted "deleted" AT_STATUS ValueForm::Ids,
    /// The share of each file's rows, in percent, that are deletions where the client says `_since`.
    DeletedPercent "deleted_percent" AT_STATUS ValueForm::Count { least: 1, most: 100 },
    /// Each n-th row comes twice.
    DuplicateEvery "duplicate_every" AT_FILE EACH_ROW,
    /// Each n-th row is of another type.
    OtherTypeEvery "other_type_every" AT_FILE EACH_ROW,
    /// Each n-th row is no JSON.
    BrokenEvery "broken_every" AT_FILE EACH_ROW,
    /// A blank line behind each n-th row.
    BlankEvery "blank_every" AT_FILE EACH_ROW,
    /// A raw U+2028 in each n-th row.
    SeparatorEvery "separator_every" AT_FILE EACH_ROW,
    /// The first row is filled with white space up to n bytes.
    LongLine "long_line" AT_FILE ValueForm::Count { least: 1, most: LONGEST_LINE },
    /// Lines end in CRLF.
    Crlf "crlf" AT_FILE FLAG,
    /// The file begins with a byte order mark.
    Bom "bom" AT_FILE FLAG,
    /// The last line does not end.
    NoLastNewline "no_last_newline" AT_FILE FLAG,
    /// The body breaks off behind n bytes.
    CutBytes "cut_bytes" WITH_BODY ValueForm::Count { least: 0, most: MOST_BYTES },
    /// The file breaks off behind n rows.
    CutRows "cut_rows" AT_FILE ValueForm::Count { least: 0, most: MOST_ROWS },
    /// How it breaks off.
    Cut "cut" WITH_BODY ValueForm::Word(&["close", "reset", "stall"]),
    /// Added to `Content-Length`.
    LengthOffset "length_offset" WITH_BODY ValueForm::Offset { most: MOST_BYTES as i64 },
    /// gzip that breaks off, has a wrong checksum, or is announced and not done.
    Gzip "gzip" AT_FILE ValueForm::Word(&["cut", "checksum", "announced"]),
    /// The speed of the body.
    BytesPerSecond "bytes_per_second" WITH_BODY ValueForm::Count { least: 1, most: MOST_BYTES },
    /// `Range` is ignored.
    Ranges "ranges" AT_FILE ValueForm::Word(&["ignored"]),
    /// The lifetime of access tokens in seconds.
    Lifetime "lifetime" AT_TOKEN ValueForm::Count { least: 0, most: MOST_SECONDS },
    /// The most that is granted, whatever the client asks for.
    Scope "scope" AT_TOKEN ValueForm::Text { most: 1000 },
    /// How many seconds the clock of the token endpoint is ahead.
    ClockOffset "clock_offset" AT_TOKEN ValueForm::Offset { most: MOST_SECONDS as i64 },
}

const AT_TOKEN: &[FaultPlace] = &[Token];
const AT_KICKOFF: &[FaultPlace] = &[Kickoff];
const AT_STATUS: &[FaultPlace] = &[Status];
const AT_FILE: &[FaultPlace] = &[File];
const OF_A_JOB_READ: &[FaultPlace] = &[Status, File];

impl FaultMember {
    /// The member with this name.
    pub fn of_name(name: &str) -> Option<FaultMember> {
        FaultMember::ALL.iter().copied().find(|member| member.name() == name)
    }

    /// True for members that say which requests, not what happens to them.
    pub fn is_selection(self) -> bool {
        self <= FaultMember::Seed
    }

    /// True if the member has a meaning at `place`.
    pub fn is_at(self, place: FaultPlace) -> bool {
        self.places().contains(&place)
    }

    /// The names of what a rule at `place` may say, for messages.
    pub fn names_at(place: FaultPlace) -> String {
        let names: Vec<&str> = FaultMember::ALL
            .iter()
            .filter(|member| member.is_at(place))
            .map(|member| member.name())
            .collect();
        names.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_distinct_and_lead_back() {
        let names: BTreeSet<&str> = FaultMember::ALL.iter().map(|member| member.name()).collect();
        assert_eq!(names.len(), FaultMember::ALL.len());
        for member in FaultMember::ALL {
            assert_eq!(FaultMember::of_name(member.name()), Some(*member));
            assert!(!member.places().is_empty());
        }
        assert!(FaultMember::of_name("at").is_none());
    }

    #[test]
    fn the_manual_has_every_member_and_every_word() {
        let manual = include_str!("../../../docs/simulate.md");
        for member in FaultMember::ALL {
            assert!(manual.contains(&format!("`{}`", member.name())), "{}", member.name());
            if let ValueForm::Word(words) | ValueForm::Words(words) = member.form() {
                for word in words {
                    assert!(manual.contains(word), "{}: {word}", member.name());
                }
            }
        }
    }
}
