//! Licences of all dependencies against the list in deny.toml, for those without cargo-deny at hand.

use std::collections::BTreeSet;

use crate::{Result, cargo, place, shell};

/// Checks every package of every target.
pub(crate) fn check() -> Result {
    let allowed = allowed()?;
    let packages = packages()?;
    let bad: Vec<String> = packages
        .iter()
        .filter(|(_, licence)| !satisfies(licence, &allowed))
        .map(|(name, licence)| format!("  {name}: {}", if licence.is_empty() { "none stated" } else { licence }))
        .collect();
    if bad.is_empty() {
        println!(
            "    {} packages, all under licences that deny.toml allows",
            packages.len()
        );
        return Ok(());
    }
    Err(format!("licences that deny.toml does not allow:\n{}", bad.join("\n")))
}

fn allowed() -> Result<BTreeSet<String>> {
    let file = place::root().join("deny.toml");
    let text = std::fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
    listed(&text).ok_or_else(|| "deny.toml: no `allow = [` under [licenses]".to_owned())
}

/// The strings of `allow = […]` under `[licenses]`.
fn listed(text: &str) -> Option<BTreeSet<String>> {
    let section = text.split("[licenses]").nth(1)?;
    let list = section.split("allow = [").nth(1)?.split(']').next()?;
    Some(list.split('"').skip(1).step_by(2).map(str::to_owned).collect())
}

fn packages() -> Result<BTreeSet<(String, String)>> {
    let mut tree = cargo::command();
    tree.args([
        "tree",
        "--workspace",
        "--locked",
        "--target",
        "all",
        "--prefix",
        "none",
        "--format",
        "{p}|{l}",
    ]);
    let text = shell::output(&mut tree).ok_or("`cargo tree --locked` failed; is Cargo.lock up to date?")?;
    let pair = |line: &str| {
        let (package, licence) = line.split_once('|')?;
        let name = package.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
        Some((name, licence.trim_end_matches("(*)").trim().to_owned()))
    };
    Ok(text.lines().filter_map(pair).collect())
}

/// Whether an SPDX expression can be met with the allowed licences. `AND` binds tighter than `OR`; the old spelling
/// `A/B` means `A OR B`; `WITH` makes one name of licence and exception.
fn satisfies(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let mut parser = Parser {
        tokens: &tokens,
        allowed,
    };
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
        for yes in [
            "MIT",
            "MIT OR GPL-3.0",
            "GPL-3.0/MIT",
            "(MIT OR GPL-2.0) AND Zlib",
            "MIT AND (Zlib)",
        ] {
            assert!(met(yes), "{yes}");
        }
        for no in [
            "",
            "GPL-3.0",
            "MIT AND GPL-3.0",
            "MIT OR",
            "(MIT",
            "MIT)",
            "MIT Zlib",
            "GPL-3.0 AND MIT OR LGPL-2.1",
        ] {
            assert!(!met(no), "{no}");
        }
        assert!(met("Apache-2.0 WITH LLVM-exception"));
        assert!(!met("GPL-2.0 WITH LLVM-exception"));
    }

    #[test]
    fn the_list_is_where_cargo_deny_reads_it() {
        let text = "[bans]\nallow = [\"x\"]\n[licenses]\nallow = [\n  \"MIT\", # free\n  \"Zlib\",\n]\n";
        assert_eq!(listed(text), Some(["MIT", "Zlib"].map(str::to_owned).into()));
        assert_eq!(listed("[bans]"), None);
        assert!(allowed().is_ok_and(|list| list.contains("MIT")));
    }
}
