//! Processes that meet at one store: two imports, an import under a server, two servers.

use std::process::Stdio;
use std::time::Duration;

use super::store::kill_at;
use super::{Chance, SoakedStore, few_rounds};
use crate::support::bulk::{self, ended_at, location};

#[test]
fn a_store_survives_two_imports_of_which_one_is_killed() {
    let mut chance = Chance::new();
    let mut soaked = SoakedStore::new();
    for round in 0..few_rounds() {
        soaked.write_next(&[0, 1, 2, 3, 4, 5]);
        let moment = chance.moment(Duration::from_millis(300));
        println!("round {round}: one of two imports is killed after {moment:?}");
        let mut other = soaked.dir.command(["import", "s.db", "in", "--quiet"]);
        let mut other = other.stdout(Stdio::null()).spawn().expect("it starts");
        kill_at(moment, soaked.dir.command(["import", "s.db", "in", "--quiet"]));
        assert!(other.wait().expect("it ends").success(), "the import that goes on");
        soaked.repeat_import();
    }
}

#[test]
fn a_store_survives_an_import_under_a_server_of_which_one_is_killed() {
    let mut chance = Chance::new();
    let mut soaked = SoakedStore::new();
    for round in 0..few_rounds() {
        let is_server_killed = round % 2 == 0;
        let served = soaked.dir.serve(&["s.db", "--quiet"]);
        soaked.write_next(&[1, 3, 5]);
        let moment = chance.moment(Duration::from_millis(300));
        println!("round {round}: killed after {moment:?}; the server: {is_server_killed}");
        let mut import = soaked.dir.command(["import", "s.db", "in", "--quiet"]);
        if is_server_killed {
            let mut import = import.spawn().expect("it starts");
            let job = location(&served.get("/fhir/$export"));
            served.end("-KILL");
            assert!(import.wait().expect("it ends").success(), "the import that goes on");
            let again = soaked.dir.serve(&["s.db", "--quiet"]);
            assert_eq!(ended_at(again.authority(), bulk::path(&job), "").status, 200);
            assert_eq!(again.end("-TERM"), 0);
        } else {
            kill_at(moment, import);
            let job = location(&served.get("/fhir/$export"));
            assert_eq!(ended_at(served.authority(), bulk::path(&job), "").status, 200);
            assert_eq!(served.end("-TERM"), 0);
        }
        soaked.accept();
        soaked.repeat_import();
    }
}

#[test]
fn a_store_survives_two_servers_of_which_one_is_killed() {
    let mut chance = Chance::new();
    let mut soaked = SoakedStore::new();
    for round in 0..few_rounds() {
        println!("round {round}");
        let [one, other] = [(); 2].map(|()| soaked.dir.serve(&["s.db", "--quiet"]));
        let started = chance.below(4) + 1;
        let jobs: Vec<String> = (0..started)
            .map(|number| {
                let server = if number % 2 == 0 { &one } else { &other };
                location(&server.get("/fhir/Patient/$export?_elements=Observation.status"))
            })
            .collect();
        soaked.write_next(&[0, 4]);
        soaked.repeat_import();
        one.end("-KILL");
        for job in &jobs {
            assert_eq!(ended_at(other.authority(), bulk::path(job), "").status, 200);
        }
        assert_eq!(other.end("-TERM"), 0);
        soaked.verify_unchanged();
    }
}
