//! The source of a room, as far as its imports go: which file names which, and where they go in a circle.
//!
//! Comments, texts and what stands under `#[cfg(test)]` are left out. A file is a module; a path belongs to the innermost
//! module that it goes through, so what a parent re-exports counts as the parent's. Needs nothing but the standard library.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The path of a module from its room's root: `["commands", "train"]`.
type Module = Vec<String>;

/// A file outside of tests, with its code.
pub(crate) struct SourceFile {
    pub(crate) path: PathBuf,
    module: Module,
    /// Without comments, texts and tests.
    pub(crate) code: String,
}

/// The files below a room's `src`.
pub(crate) fn source(src: &Path) -> Vec<SourceFile> {
    let mut files = Vec::new();
    let mut folders = vec![src.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    let mut tests: Vec<Module> = Vec::new();
    let mut found = Vec::new();
    for path in files {
        let mut module: Module = path.strip_prefix(src).unwrap().with_extension("").iter().map(text).collect();
        if matches!(module.last().map(String::as_str), Some("mod" | "lib" | "main")) {
            module.pop();
        }
        let (code, test_modules) = without_tests(&without_texts(&fs::read_to_string(&path).unwrap()));
        tests.extend(test_modules.into_iter().map(|name| [&module[..], &[name]].concat()));
        found.push(SourceFile { path, module, code });
    }
    found.retain(|file| !tests.iter().any(|test| file.module.starts_with(test)));
    found.sort_by(|one, other| one.module.cmp(&other.module));
    found
}

fn text(part: &std::ffi::OsStr) -> String {
    part.to_string_lossy().into_owned()
}

/// One circle of imports, if there is any: `a -> b -> a`. Parents and their children apart.
pub(crate) fn circle(src: &Path) -> Option<String> {
    let files = source(src);
    let modules: BTreeSet<&Module> = files.iter().map(|file| &file.module).collect();
    let imports = files.iter().map(|file| (file.module.clone(), imports(file, &modules))).collect();
    let mut clean = BTreeSet::new();
    files.iter().find_map(|file| search(&file.module, &imports, &mut Vec::new(), &mut clean))
}

fn search(
    module: &Module,
    imports: &BTreeMap<Module, BTreeSet<Module>>,
    trail: &mut Vec<Module>,
    clean: &mut BTreeSet<Module>,
) -> Option<String> {
    if let Some(start) = trail.iter().position(|known| known == module) {
        let names = trail[start..].iter().chain([module]).map(|module| module.join("::"));
        return Some(names.collect::<Vec<_>>().join(" -> "));
    }
    if clean.contains(module) {
        return None;
    }
    trail.push(module.clone());
    let found = imports[module].iter().find_map(|next| search(next, imports, trail, clean));
    trail.pop();
    clean.insert(module.clone());
    found
}

/// The modules that a file names, but for its parents and children.
fn imports(file: &SourceFile, modules: &BTreeSet<&Module>) -> BTreeSet<Module> {
    let mut named = Vec::new();
    let code = &file.code;
    for (start, word) in words(code) {
        let base = match word {
            "crate" => Vec::new(),
            "self" => file.module.clone(),
            "super" => file.module[..file.module.len().saturating_sub(1)].to_vec(),
            _ => continue,
        };
        // A `super` inside of a path was read with its beginning.
        if !code[..start].ends_with("::") {
            read_path(&code[start + word.len()..], &base, &mut named);
        }
    }
    let innermost =
        |path: Module| (0..=path.len()).rev().map(|end| path[..end].to_vec()).find(|it| modules.contains(it));
    let kin = |other: &Module| other.starts_with(&file.module) || file.module.starts_with(other);
    named.into_iter().filter_map(innermost).filter(|other| !kin(other)).collect()
}

/// Reads `::a::{b, c::d}` and gives what is left behind it.
fn read_path<'a>(code: &'a str, base: &[String], named: &mut Vec<Module>) -> &'a str {
    let Some(rest) = code.trim_start().strip_prefix("::").map(str::trim_start) else {
        named.push(base.to_vec());
        return code;
    };
    if let Some(mut rest) = rest.strip_prefix('{') {
        loop {
            rest = rest.trim_start();
            if let Some(rest) = rest.strip_prefix('}') {
                return rest;
            }
            let end = name_end(rest);
            let name = &rest[..end];
            let inner = if name == "self" { base.to_vec() } else { [base, &[name.to_owned()]].concat() };
            rest = read_path(&rest[end..], &inner, named);
            // `as name`, a comma, or a star.
            rest = &rest[rest.find([',', '}']).unwrap_or(rest.len())..];
            rest = rest.strip_prefix(',').unwrap_or(rest);
            if rest.is_empty() {
                return rest;
            }
        }
    }
    let end = name_end(rest);
    match &rest[..end] {
        "" => named.push(base.to_vec()),
        "super" => return read_path(&rest[end..], &base[..base.len().saturating_sub(1)], named),
        name => return read_path(&rest[end..], &[base, &[name.to_owned()]].concat(), named),
    }
    rest
}

fn is_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

fn name_end(code: &str) -> usize {
    code.find(|letter| !is_name(letter)).unwrap_or(code.len())
}

/// The words of a code with their places.
pub(crate) fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut place = 0;
    std::iter::from_fn(move || {
        let start = place + code[place..].find(is_name)?;
        place = start + name_end(&code[start..]);
        Some((start, &code[start..place]))
    })
}

/// The code without comments and without what stands in quotes.
fn without_texts(code: &str) -> String {
    let mut kept = String::new();
    let mut rest = code;
    while let Some(letter) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if letter == '"' {
            quoted(rest)
        } else if letter == '\'' {
            character(rest)
        } else {
            match raw(rest).filter(|_| !kept.ends_with(is_name)) {
                Some(length) => length,
                None => {
                    kept.push(letter);
                    rest = &rest[letter.len_utf8()..];
                    continue;
                }
            }
        };
        rest = &rest[skipped..];
    }
    kept
}

/// The length of a text in quotes.
fn quoted(code: &str) -> usize {
    let mut escaped = false;
    for (place, letter) in code.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return place + 1,
            _ => {}
        }
    }
    code.len()
}

/// The length of a character, or of a lifetime's tick.
fn character(code: &str) -> usize {
    let mut letters = code.char_indices().skip(1);
    match (letters.next(), letters.next()) {
        (Some((_, '\\')), Some((place, _))) => {
            let after = place + 1;
            code[after..].find('\'').map_or(code.len(), |end| after + end + 1)
        }
        (Some(_), Some((place, '\''))) => place + 1,
        _ => 1,
    }
}

/// The length of a raw text, where one begins.
fn raw(code: &str) -> Option<usize> {
    let after = code.strip_prefix("br").or_else(|| code.strip_prefix('r'))?;
    let hashes = after.find(|letter| letter != '#')?;
    let text = after[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let closed = text.find(&end)?;
    Some(code.len() - text.len() + closed + end.len())
}

/// The code without items under `#[cfg(test)]`, and the names of modules that are such items and have their own files.
fn without_tests(code: &str) -> (String, Vec<String>) {
    const MARK: &str = "#[cfg(test)]";
    let mut kept = String::new();
    let mut modules = Vec::new();
    let mut rest = code;
    while let Some(start) = rest.find(MARK) {
        kept.push_str(&rest[..start]);
        rest = &rest[start + MARK.len()..];
        let end = rest.find(['{', ';']).unwrap_or(rest.len());
        let item = &rest[..end];
        if rest[end..].starts_with(';') {
            let mut words = words(item).map(|(_, word)| word).skip_while(|word| *word != "mod");
            modules.extend(words.nth(1).map(str::to_owned));
            rest = &rest[end + 1..];
        } else {
            let mut depth = 0;
            let close = rest.char_indices().skip_while(|(place, _)| *place < end).find(|(_, letter)| {
                depth += i32::from(*letter == '{') - i32::from(*letter == '}');
                depth == 0
            });
            rest = &rest[close.map_or(rest.len(), |(place, _)| place + 1)..];
        }
    }
    kept.push_str(rest);
    (kept, modules)
}

#[test]
fn circles_are_found_and_parents_and_children_are_none() {
    let circle_of = |files: &[(&str, &str)]| {
        let folder = tempfile::tempdir().unwrap();
        for (name, code) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, code).unwrap();
        }
        circle(folder.path())
    };
    let root = ("lib.rs", "mod a; mod b; pub use a::A;");
    let found =
        circle_of(&[root, ("a.rs", "use crate::{c::C, b::{self, B as _}};"), ("b.rs", "fn f() { super::a::A::g() }")]);
    assert_eq!(found.as_deref(), Some("a -> b -> a"));
    let family = [root, ("a.rs", "mod x; use self::x::X; use crate::b::B;"), ("a/x.rs", "use super::A; use crate::A;")];
    let sons =
        [("b.rs", "mod y; #[cfg(test)] mod tests;"), ("b/y.rs", "const T: &str = \"crate::a::A\"; // crate::a::A")];
    let tests = [("b/tests.rs", "use crate::a::A;"), ("c.rs", "#[cfg(test)] mod tests { use crate::a::A; }")];
    assert_eq!(circle_of(&[&family[..], &sons, &tests].concat()), None);
    let deep = [("a.rs", "mod x;"), ("a/x.rs", "use super::super::b::y::Y;"), ("b/y.rs", "use crate::a::x;")];
    assert_eq!(circle_of(&deep).as_deref(), Some("a::x -> b::y -> a::x"));
}
