//! Dependencies against deny.toml, for those without cargo-deny at hand: licences and banned crates.

use std::collections::BTreeSet;

use crate::{Result, cargo, place, shell};

/// Checks every package that any target of the workspace could pull in.
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
    banned: BTreeSet<String>,
}

impl Rules {
    fn read() -> Result<Self> {
        let file = place::root().join("deny.toml");
        let text = std::fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
        let list = |section, key| strings(&text, section, key).ok_or(format!("deny.toml: no `{key} = [` in {section}"));
        Ok(Self { licences: list("[licenses]", "allow")?, banned: list("[bans]", "deny")? })
    }

    fn complaint(&self, package: &Package) -> Option<String> {
        let Package { name, version, licence } = package;
        if self.banned.contains(name) {
            return Some(format!("{name} {version}: banned"));
        }
        let stated = if licence.is_empty() { "none" } else { licence };
        (!satisfies(licence, &self.licences)).then(|| format!("{name} {version}: licence {stated}"))
    }
}

/// The quoted strings of `key = […]` in one section of a TOML text as tidy as ours: no quotes in comments, no nested
/// lists.
fn strings(text: &str, section: &str, key: &str) -> Option<BTreeSet<String>> {
    let body = text.split(section).nth(1)?.split("\n[").next()?;
    let list = body.split(&format!("\n{key} = [")).nth(1)?.split(']').next()?;
    Some(list.split('"').skip(1).step_by(2).map(str::to_owned).collect())
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Package {
    name: String,
    version: String,
    licence: String,
}

fn packages() -> Result<BTreeSet<Package>> {
    let mut tree = cargo::command();
    tree.args(["tree", "--workspace", "--locked", "--target", "all", "--prefix", "none", "--format", "{p}|{l}"]);
    let text = shell::output(&mut tree).ok_or("`cargo tree --locked` failed; is Cargo.lock up to date?")?;
    Ok(text.lines().filter_map(package).collect())
}

/// One line of the tree: `name v1.2.3 (where from)|licence`, with `(*)` at the end where it was listed before.
fn package(line: &str) -> Option<Package> {
    let (package, licence) = line.split_once('|')?;
    let mut words = package.split_whitespace();
    let (name, version) = (words.next()?.to_owned(), words.next()?.to_owned());
    Some(Package { name, version, licence: licence.trim_end_matches("(*)").trim().to_owned() })
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
        let text = "[bans]\nx = 1\ndeny = [\n  { crate = \"z\" },\n]\n\n[licenses]\nallow = [\n  \"MIT\",\n]\n";
        assert_eq!(strings(text, "[bans]", "deny"), Some(["z".to_owned()].into()));
        assert_eq!(strings(text, "[licenses]", "allow"), Some(["MIT".to_owned()].into()));
        assert_eq!(strings(text, "[bans]", "allow"), None);
    }

    #[test]
    fn complains_of_licences_and_of_banned_crates() {
        let rules = Rules::read().expect("deny.toml is as tidy as this reader asks");
        let complaint = |line| rules.complaint(&package(line).expect("a line as cargo tree prints it"));
        assert_eq!(complaint("half v2.7.1|MIT OR Apache-2.0 (*)"), None);
        assert!(complaint("x v1.0.0 (/somewhere)|GPL-3.0").is_some_and(|text| text.contains("GPL-3.0")));
        assert!(complaint("x v1.0.0|").is_some_and(|text| text.contains("none")));
        assert!(complaint("openssl-sys v0.9.0|MIT").is_some_and(|text| text.contains("banned")));
    }
}
