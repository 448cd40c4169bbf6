//! Each fault of `serve --simulate`, asked for and seen on the raw socket by Python: every byte of an answer, and how
//! the connection ends. And what programs need that start the server.
//!
//! `wire.py` is the client. Each test here runs the function of its name in the file of its module.

use std::collections::BTreeSet;

use fhirlite::{ExportRequest, FaultRules, Import, Options, Plan, Server, Store};

use crate::support::client::{get, send};
use crate::support::{FHIRLITE, project, python, succeed};

/// Python with the folder of these tests; `None` where there is no Python.
fn runner() -> Option<std::process::Command> {
    let mut python = python(&["socket"])?;
    let script = project().join("tests/simulate/run.py");
    python.arg(script).env("FHIRLITE", FHIRLITE).env("PYTHONDONTWRITEBYTECODE", "1");
    Some(python)
}

macro_rules! in_python {
    ($($file:ident { $($name:ident)+ })+) => {
        $(mod $file {
            $(#[test]
            fn $name() {
                let Some(mut python) = super::runner() else { return };
                super::succeed(python.args([stringify!($file), stringify!($name)]));
            })+
        })+

        const NAMES: &[&str] = &[$($(concat!(stringify!($file), " ", stringify!($name)),)+)+];
    };
}

in_python! {
    answers {
        a_share_of_requests_by_a_seed
        errors_have_a_text_body
        errors_have_an_empty_body
        every_place_can_fail
        every_status_code_with_its_reason
        only_a_type
        only_the_nth_request
        retry_after_absent
        retry_after_as_a_date
        retry_after_in_seconds
        retry_after_in_the_past
        retry_after_junk
        retry_after_negative
        retry_after_with_a_fraction
        status_200_instead_of_202
        status_204_has_no_body
        status_303_to_the_same_url
        status_429_for_polling_faster_than_it_said
        status_429_with_an_outcome_once
        the_fourth_file_is_too_much
        transient_for_ever
        transient_n_times
    }
    jobs {
        a_file_gone_after_a_read
        a_job_gone_after_polls
        a_job_that_fails_after_polls
        a_manifest_in_pages
        a_page_whose_next_is_itself
        a_redirect_loop
        a_redirect_to_a_path
        a_redirect_to_another_host
        a_share_of_copies_is_deleted_in_pages
        a_share_of_rows_is_deleted
        a_transaction_time_of_another_age
        a_transaction_time_that_is_none
        a_transaction_time_without_a_time_or_a_zone
        an_empty_manifest
        copies_of_each_row
        counts_too_low_and_too_high
        deleted_ids
        duplicate_urls_in_a_manifest
        foreign_urls_in_a_manifest
        kick_off_with_a_foreign_content_location
        kick_off_with_a_relative_content_location
        kick_off_without_a_content_location
        manifests_with_a_count_as_text
        manifests_with_extra_keys
        manifests_without_a_count
        manifests_without_error
        manifests_without_other_members
        manifests_without_output
        manifests_without_request
        outcomes_in_a_manifest_of_the_ballot
        outcomes_of_each_severity
        pages_without_end
        polls_before_the_manifest
        progress_absent
        progress_as_text
        progress_backwards
        progress_beyond_100
        progress_in_percent
        relative_urls_in_a_manifest
        seconds_before_the_manifest
        several_files_of_a_type
        some_files_failed
        the_manifest_of_1uphealth
    }
    files {
        a_byte_order_mark
        a_length_that_is_too_large
        a_length_that_is_too_small
        a_line_of_20_mb
        a_slow_file_holds_nobody_up
        an_old_client_gets_changed_rows_too
        blank_lines
        broken_json
        bytes_per_second
        compressed_bytes_cut
        crlf
        cut_after_rows
        cut_by_a_stall
        cut_by_close
        cut_by_reset
        every_body_can_be_cut
        gzip_announced_and_not_done
        gzip_cut
        gzip_with_a_bad_checksum
        half_a_manifest
        head_of_a_faulty_file
        no_last_newline
        range_ignored
        rows_and_gzip_at_once
        rows_cut_by_reset_and_by_a_stall
        rows_of_another_type
        rows_twice
        u2028_in_a_row
    }
    tokens {
        a_lent_token_never_stands_in_the_journal
        a_narrower_scope_than_asked
        a_protected_server_keeps_its_rules_of_access
        a_segment_has_a_token_endpoint_of_its_own
        a_token_expires_at_the_nth_file
        a_token_is_refused_once
        a_token_may_live_longer
        client_ids_of_the_launcher
        each_error_of_oauth
        only_with_or_without_a_token
        the_clock_of_the_token_endpoint_is_off
        the_launcher_key_tlt
        the_launchers_token_endpoint
        token_lifetime
    }
    controls {
        a_download_under_way_outlives_a_reset
        a_request_is_listed_once_its_answer_is_there
        a_rule_is_named_in_the_changed_answer_alone
        a_seed_fixes_ids_tokens_and_keys
        a_short_form_in_the_path
        a_store_that_does_not_fit_in_memory_is_refused
        an_empty_store_in_memory_waits_for_resources
        control_routes_say_their_methods
        every_rule_of_the_manual_changes_an_answer
        import_deletes_by_a_bundle
        import_takes_all_or_nothing
        import_takes_an_array_and_lines
        it_ends_when_its_input_ends
        it_ends_when_its_parent_dies
        its_input_cannot_be_imported_too
        manual
        one_line_of_json_when_it_is_ready
        only_this_machine_is_served
        reset_puts_everything_back
        rules_are_put_got_and_deleted
        rules_from_a_file
        requests_that_are_refused_unread_are_listed_too
        secrets_are_hidden
        the_clock_ends_jobs_and_tokens
        the_file_of_a_store_never_changes
        the_journal_has_each_request
        the_launcher_key_dur
        the_launcher_key_err
        the_launcher_key_m
        the_launcher_keys_page_del_and_opp
        the_launcher_keys_stu_m_and_secure
        the_manual_has_every_control_route
        the_segment_is_in_every_url_of_the_server
        the_start_says_loudly_that_it_simulates
        twenty_tests_share_a_server_at_once
        two_tests_share_a_server_by_their_paths
        unknown_launcher_keys_are_no_error
        without_simulate_there_is_nothing_of_it
        wrong_rules_in_a_file_are_told_before_anything_is_served
    }
    people {
        a_client_with_a_key_gets_tokens
        a_client_without_a_scope_has_a_secret
        a_protected_store_may_begin_without_clients
        a_reset_takes_clients_and_users_away
        a_user_has_a_token_a_code_and_resources
        sample_data_is_that_of_the_folder
        sample_data_of_a_user
        the_packed_sample_data_are_those_of_the_folder
        what_tests_make_is_not_in_the_journal
        wrong_clients_and_users_are_refused
    }
}

#[test]
fn every_test_in_python_is_one_here() {
    let Some(mut python) = runner() else { return };
    let listed = succeed(python.arg("--list"));
    let listed: BTreeSet<&str> = listed.lines().collect();
    assert_eq!(listed, NAMES.iter().copied().collect());
}

#[test]
fn the_library_simulates_on_the_loopback_alone() {
    let store = Store::in_memory().unwrap();
    let patient = r#"{"resourceType":"Patient","id":"a"}"#;
    Import::new().text(&store, "a.json", patient).unwrap();
    let rules = FaultRules::parse("read: status=503; times=1").unwrap();
    let options = Options::new().simulate(rules);
    for place in ["0.0.0.0:0", "[::]:0"] {
        let refused = Server::bind(&options.clone().listen(place).insecure(true)).err().unwrap();
        assert!(refused.to_string().contains("listen on 127.0.0.1"), "{refused}");
    }
    let server = Server::start(&store, &options).unwrap();
    let to = server.address().to_string();
    let answers = [0; 3].map(|_| get(&to, "/fhir/Patient/a", ""));
    assert_eq!(answers.each_ref().map(|answer| answer.status), [503, 200, 200]);
    assert_eq!(answers[0].header("x-fhirlite-fault"), Some("read: times=1; status=503"));
    // What is served is a copy.
    let body = br#"[{"resourceType":"Patient","id":"b"}]"#;
    let length = format!("Content-Length: {}\r\n", body.len());
    assert_eq!(send(&to, "POST", "/import", &length, body).status, 200);
    assert_eq!(get(&to, "/fhir/Patient/b", "").status, 200);
    let plan = Plan::new(store.snapshot().unwrap(), &ExportRequest::default()).unwrap();
    assert_eq!(plan.files.iter().map(|file| file.count).sum::<u64>(), 1);
}
