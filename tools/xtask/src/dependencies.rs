//! Dependencies against deny.toml, for those without cargo-deny at hand: licences and banned crates.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Result, cargo, place, shell};

/// Checks every package that any target of the workspace could pull in, with whatever features.
pub(crate) fn check() -> Result {
    let rules = Rules::read()?;
    let packages = packages()?;
    let bad: Vec<String> = packages.iter().filter_map(|package| rules.complaint(package)).collect();
    if bad.is_empty() {
        println!("    {} packages, all within deny.toml", packages.len());
        return Ok(());
    }
    Err(format!("deny.toml does not allow:\n  {}", bad.join("\n  ")))
}

/// The part of deny.toml that is checked here.
struct Rules {
    licences: BTreeSet<String>,
    /// Crates with further licences that are allowed for them alone.
    exceptions: BTreeMap<String, BTreeSet<String>>,
    /// Banned crates, each with those that may depend on it all the same.
    banned: BTreeMap<String, BTreeSet<String>>,
}

impl Rules {
    fn read() -> Result<Self> {
        let file = place::root().join("deny.toml");
        let text = std::fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
        let list = |section, key| entries(&text, section, key).ok_or(format!("deny.toml: no `{key} = [` in {section}"));
        let licences = list("[licenses]", "allow")?.into_keys().collect();
        Ok(Self { licences, exceptions: list("[licenses]", "exceptions")?, banned: list("[bans]", "deny")? })
    }

    fn complaint(&self, package: &Package) -> Option<String> {
        let Package { name, version, licence, parents } = package;
        if let Some(wrappers) = self.banned.get(name)
            && (parents.is_empty() || !parents.is_subset(wrappers))
        {
            return Some(format!("{name} {version}: banned"));
        }
        let mut allowed = self.licences.clone();
        allowed.extend(self.exceptions.get(name).into_iter().flatten().cloned());
        let stated = if licence.is_empty() { "none" } else { licence };
        (!satisfies(licence, &allowed)).then(|| format!("{name} {version}: licence {stated}"))
    }
}

/// The entries of `key = […]` in one section of a TOML text as tidy as ours, one a line: the first quoted string of each,
/// and the others.
fn entries(text: &str, section: &str, key: &str) -> Option<BTreeMap<String, BTreeSet<String>>> {
    let body = text.split(section).nth(1)?.split("\n[").next()?;
    let list = body.split(&format!("\n{key} = [\n")).nth(1)?.split("\n]").next()?;
    let entries = list.lines().filter(|line| !line.trim_start().starts_with('#')).filter_map(|line| {
        let mut quoted = line.split('"').skip(1).step_by(2).map(str::to_owned);
        Some((quoted.next()?, quoted.collect()))
    });
    Some(entries.collect())
}

#[derive(Debug, PartialEq, Eq)]
struct Package {
    name: String,
    version: String,
    licence: String,
    /// Names of the packages that depend on it.
    parents: BTreeSet<String>,
}

fn packages() -> Result<Vec<Package>> {
    let mut trees = String::new();
    for manifest in ["Cargo.toml", "tools/bindgen/Cargo.toml"] {
        let mut tree = cargo::command();
        tree.args([
            "tree",
            "--manifest-path",
            manifest,
            "--workspace",
            "--all-features",
            "--locked",
            "--target",
            "all",
        ]);
        let text = shell::output(tree.args(["--prefix", "depth", "--format", " {p}|{l}"]));
        trees += &text.ok_or(format!("`cargo tree --locked` failed for {manifest}; is its Cargo.lock up to date?"))?;
    }
    Ok(read_tree(&trees))
}

/// The packages of a tree with a depth before each line. A package that was listed before comes without what it depends
/// on, but every dependency of anyone on it is a line.
fn read_tree(text: &str) -> Vec<Package> {
    let mut packages = BTreeMap::<(String, String), Package>::new();
    let mut path: Vec<String> = Vec::new();
    for (depth, package) in text.lines().filter_map(line_of_tree) {
        path.truncate(depth);
        let known = packages.entry((package.name.clone(), package.version.clone()));
        path.push(package.name.clone());
        let known = known.or_insert(package);
        known.parents.extend(depth.checked_sub(1).map(|above| path[above].clone()));
    }
    packages.into_values().collect()
}

/// One line of the tree: `2 name v1.2.3 (where from)|licence`, with `(*)` at the end where it was listed before.
fn line_of_tree(line: &str) -> Option<(usize, Package)> {
    let (package, licence) = line.split_once('|')?;
    let mut words = package.split_whitespace();
    let depth = words.next()?.parse().ok()?;
    let (name, version) = (words.next()?.to_owned(), words.next()?.to_owned());
    let licence = licence.trim_end_matches("(*)").trim().to_owned();
    Some((depth, Package { name, version, licence, parents: BTreeSet::new() }))
}

/// Whether an SPDX expression can be met with the allowed licences. `AND` binds tighter than `OR`; the old spelling
/// `A/B` means `A OR B`; `WITH` makes one name of licence and exception.
fn satisfies(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let mut parser = Parser { tokens: &tokens, allowed };
    parser.either() == Some(true) && parser.tokens.is_empty()
}

/// A recursive descent whose functions answer `None` on what is no expression.
struct Parser<'a> {
    tokens: &'a [&'a str],
    allowed: &'a BTreeSet<String>,
}

impl<'a> Parser<'a> {
    fn either(&mut self) -> Option<bool> {
        let mut met = self.both()?;
        while self.take("OR") {
            met |= self.both()?;
        }
        Some(met)
    }

    fn both(&mut self) -> Option<bool> {
        let mut met = self.one()?;
        while self.take("AND") {
            met &= self.one()?;
        }
        Some(met)
    }

    fn one(&mut self) -> Option<bool> {
        if self.take("(") {
            let met = self.either()?;
            return self.take(")").then_some(met);
        }
        let name = self.name()?;
        if self.take("WITH") {
            let exception = self.name()?;
            return Some(self.allowed.contains(&format!("{name} WITH {exception}")));
        }
        Some(self.allowed.contains(name))
    }

    fn name(&mut self) -> Option<&'a str> {
        let (name, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(name)
    }

    fn take(&mut self, token: &str) -> bool {
        let here = self.tokens.first() == Some(&token);
        if here {
            self.tokens = &self.tokens[1..];
        }
        here
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn met(expression: &str) -> bool {
        let allowed = ["MIT", "Apache-2.0", "Zlib", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned);
        satisfies(expression, &allowed.into())
    }

    #[test]
    fn reads_expressions() {
        for yes in ["MIT", "MIT OR GPL-3.0", "GPL-3.0/MIT", "(MIT OR GPL-2.0) AND Zlib", "MIT AND (Zlib)"] {
            assert!(met(yes), "{yes}");
        }
        for no in
            ["", "GPL-3.0", "MIT AND GPL-3.0", "MIT OR", "(MIT", "MIT)", "MIT Zlib", "GPL-3.0 AND MIT OR LGPL-2.1"]
        {
            assert!(!met(no), "{no}");
        }
        assert!(met("Apache-2.0 WITH LLVM-exception"));
        assert!(!met("GPL-2.0 WITH LLVM-exception"));
    }

    #[test]
    fn lists_are_where_cargo_deny_reads_them() {
        let text = "[bans]\nx = 1\ndeny = [\n  { crate = \"z\", wrappers = [\"a\", \"b\"] },\n]\n\n\
                    [licenses]\nallow = [\n  # not \"X\"\n  \"MIT\",\n]\n";
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(entries(text, "[bans]", "deny"), Some([("z".to_owned(), set(&["a", "b"]))].into()));
        assert_eq!(entries(text, "[licenses]", "allow"), Some([("MIT".to_owned(), set(&[]))].into()));
        assert_eq!(entries(text, "[bans]", "allow"), None);
    }

    #[test]
    fn complains_of_licences_and_of_banned_crates() {
        let rules = Rules::read().expect("deny.toml is as tidy as this reader asks");
        let complaints =
            |tree: &str| -> Vec<_> { read_tree(tree).iter().filter_map(|package| rules.complaint(package)).collect() };
        let fine = "0 a v1.0.0|MIT\n1 half v2.7.1|MIT OR Apache-2.0 (*)\n";
        assert!(complaints(fine).is_empty());
        assert!(complaints("0 x v1.0.0 (/somewhere)|GPL-3.0")[0].contains("GPL-3.0"));
        assert!(complaints("0 x v1.0.0|")[0].contains("none"));
        assert!(complaints("0 x v1.0.0|WTFPL")[0].contains("WTFPL"));
        assert!(complaints("0 sqlcipher-src v419.0.6|WTFPL").is_empty());
        assert!(complaints("0 openssl-sys v0.9.0|MIT")[0].contains("banned"));
        let wrapped = "0 a v1.0.0|MIT\n1 libsqlite3-sys v1.0.0|MIT\n2 openssl-sys v0.9.0|MIT\n";
        assert!(complaints(wrapped).is_empty());
        let beside = format!("{wrapped}1 b v1.0.0|MIT\n2 openssl-sys v0.9.0|MIT (*)\n");
        assert!(complaints(&beside)[0].contains("banned"), "one who is no wrapper depends on it too");
    }
}
