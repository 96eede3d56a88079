//! The house: which room needs what, and that no file of a room imports another in a circle.

#[path = "support/source.rs"]
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use self::source::{circle, words};

/// A room's source is in its folder's `src`; the program's is the workspace's own.
const ROOMS: [&str; 9] = ["program", "report", "studies", "train", "models", "tasks", "run", "control", "pickle"];

/// Tensor libraries, and where each may be named: two modules, and the files that declare and list them.
const LIBRARIES: [(&str, [&str; 2]); 2] = [
    ("burn", ["train/src/engine/burn", "models/src/burn"]),
    ("tch", ["train/src/engine/libtorch", "models/src/libtorch"]),
];
const LISTS: [&str; 3] = ["train/src/engine", "train/src/engine/select", "models/src/lib"];

/// Rooms where one of these laws does not hold yet.
const NOT_YET: [(&str, &str); 0] = [];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn source_of(room: &str) -> PathBuf {
    if room == "program" { root().join("src") } else { root().join(room).join("src") }
}

/// Holds a law in each room, but for those that break it still: they must, so that the list stays true.
fn holds(law: &str, broken: impl Fn(&str) -> Option<String>) {
    let mut failures = Vec::new();
    for room in ROOMS {
        let expected = NOT_YET.contains(&(law, room));
        match broken(room) {
            Some(how) if !expected => failures.push(format!("{room}: {how}")),
            None if expected => {
                failures.push(format!("{room} has become clean: take ({law:?}, {room:?}) out of NOT_YET"))
            }
            _ => {}
        }
    }
    assert!(failures.is_empty(), "{law}\n{}", failures.join("\n"));
}

#[test]
fn no_file_imports_another_of_its_room_in_a_circle() {
    holds("circle", |room| circle(&source_of(room)));
}

#[test]
fn only_the_engines_name_a_tensor_library() {
    for (library, modules) in LIBRARIES {
        holds(library, |room| {
            let files = source::source(&source_of(room)).into_iter();
            let module = |path: &Path| path.with_extension("").strip_prefix(root()).unwrap().to_owned();
            let inside = |path: &Path| {
                LISTS.iter().any(|place| module(path) == Path::new(place))
                    || modules.iter().any(|place| module(path).starts_with(place))
            };
            let names =
                |word: &str| word == library || word.strip_prefix(library).is_some_and(|rest| rest.starts_with('_'));
            let outside = files.filter(|file| !inside(&file.path));
            let naming = outside.filter(|file| words(&file.code).any(|(_, word)| names(word)));
            let paths: Vec<String> =
                naming.map(|file| file.path.strip_prefix(root()).unwrap().display().to_string()).collect();
            (!paths.is_empty()).then(|| paths.join(", "))
        });
    }
}

/// What two rooms mean alike they share, and what they do not mean alike they call by two names.
#[test]
fn no_two_rooms_have_types_of_one_name() {
    let mut rooms: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for room in ROOMS {
        for file in source::source(&source_of(room)) {
            for name in declared_types(&file.code) {
                rooms.entry(name.to_owned()).or_default().insert(room);
            }
        }
    }
    let shared: Vec<String> = rooms
        .iter()
        .filter(|(_, rooms)| rooms.len() > 1)
        .map(|(name, rooms)| format!("{name}: {}", rooms.iter().copied().collect::<Vec<_>>().join(", ")))
        .collect();
    assert!(shared.is_empty(), "types of one name in two rooms\n{}", shared.join("\n"));
}

/// The names of the types that a file declares. What an implementation sets with `type` is no declaration.
fn declared_types(code: &str) -> impl Iterator<Item = &str> {
    words(code).zip(words(code).skip(1)).filter_map(|((start, keyword), (_, name))| {
        let before = code[..start].rsplit('\n').next().unwrap_or_default();
        let declares = match keyword {
            "struct" | "enum" | "trait" => before.trim().is_empty() || before.trim_start().starts_with("pub"),
            "type" => before.is_empty() || before.starts_with("pub"),
            _ => false,
        };
        (declares && name.starts_with(char::is_uppercase)).then_some(name)
    })
}

/// `cargo tree` of a room shows no tensor library: such rooms build in seconds.
#[test]
fn reports_and_studies_need_no_tensors() {
    for package in ["aees-report", "aees-studies"] {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut tree = Command::new(cargo);
        tree.args(["tree", "-p", package, "--offline", "--edges", "normal", "--prefix", "none"]).current_dir(root());
        let output = tree.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let tree = String::from_utf8(output.stdout).unwrap();
        let names = tree.lines().filter_map(|line| line.split_whitespace().next());
        let tensors: Vec<&str> = names.filter(|name| *name == "tch" || name.starts_with("burn")).collect();
        assert!(tensors.is_empty(), "{package} needs {tensors:?}");
    }
}

/// Libraries tell their callers; what a user sees is written in one place.
#[test]
fn only_the_program_prints() {
    holds("print", |room| {
        let printing = |file: &source::SourceFile| {
            let macros = words(&file.code).filter(|(start, word)| file.code[start + word.len()..].starts_with('!'));
            macros.into_iter().any(|(_, word)| ["print", "println", "eprint", "eprintln", "dbg"].contains(&word))
        };
        let files = source::source(&source_of(room)).into_iter();
        let files = files.filter(|file| room != "program" && printing(file));
        let paths: Vec<String> =
            files.map(|file| file.path.strip_prefix(root()).unwrap().display().to_string()).collect();
        (!paths.is_empty()).then(|| paths.join(", "))
    });
}
