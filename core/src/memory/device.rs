//! How much memory this process may still take.

#[cfg(any(target_os = "linux", target_os = "android", test))]
use std::path::Path;

/// Bytes that can be taken before the system has to swap or kill: `MemAvailable`, or what is left of the limit of a control
/// group around this process. None where the system doesn't say; the host gives a budget there, see
/// [`OpenOptions::memory_budget`](crate::OpenOptions::memory_budget).
pub(crate) fn available() -> Option<u64> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        let meminfo = std::fs::read_to_string("/proc/meminfo").ok();
        let system = meminfo.and_then(|text| field(&text, "MemAvailable:")).map(|kib| kib.saturating_mul(1024));
        let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let group = group_room(&groups, Path::new("/sys/fs/cgroup"));
        system.into_iter().chain(group).min()
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    None
}

/// The number behind a name, of a file of one name and number a line.
#[cfg(any(target_os = "linux", target_os = "android", test))]
fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The least that is left in any control group from this process's own up to the root, versions 2 and 1. Cached pages of
/// files count against a group but make room when asked to.
#[cfg(any(target_os = "linux", target_os = "android", test))]
fn group_room(groups: &str, root: &Path) -> Option<u64> {
    let own = |line: &str| {
        let mut parts = line.splitn(3, ':');
        let (_, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
        let (root, limit, usage, cached) = match controllers {
            "" => (root.to_owned(), "memory.max", "memory.current", "inactive_file "),
            _ if controllers.split(',').any(|name| name == "memory") => {
                (root.join("memory"), "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file ")
            }
            _ => return None,
        };
        let folder = root.join(path.trim_start_matches('/'));
        let inside = folder.ancestors().take_while(|folder| folder.starts_with(&root));
        inside.filter_map(|folder| room_in(folder, limit, usage, cached)).min()
    };
    groups.lines().filter_map(own).min()
}

#[cfg(any(target_os = "linux", target_os = "android", test))]
fn room_in(folder: &Path, limit: &str, usage: &str, cached: &str) -> Option<u64> {
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).ok();
    // "max" is no number: no limit.
    let limit: u64 = read(limit)?.trim().parse().ok()?;
    let usage: u64 = read(usage)?.trim().parse().ok()?;
    let cached = read("memory.stat").and_then(|text| field(&text, cached)).unwrap_or(0);
    Some(limit.saturating_sub(usage.saturating_sub(cached)))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_tightest_group_counts() {
        let root = tempfile::tempdir().unwrap();
        let write = |folder: &str, files: &[(&str, &str)]| {
            let folder = root.path().join(folder);
            fs::create_dir_all(&folder).unwrap();
            files.iter().for_each(|(name, text)| fs::write(folder.join(name), text).unwrap());
        };
        assert_eq!(group_room("0::/app/one\n", root.path()), None);
        write("app/one", &[("memory.max", "max\n"), ("memory.current", "50\n")]);
        write(
            "app",
            &[("memory.max", "1000\n"), ("memory.current", "700\n"), ("memory.stat", "anon 1\ninactive_file 200\n")],
        );
        assert_eq!(group_room("0::/app/one\n", root.path()), Some(500));
        write("app/one", &[("memory.max", "100\n"), ("memory.current", "170\n")]);
        assert_eq!(group_room("0::/app/one\n", root.path()), Some(0));
        write("memory/old", &[("memory.limit_in_bytes", "80"), ("memory.usage_in_bytes", "30")]);
        assert_eq!(group_room("3:cpu,memory:/old\n2:cpuset:/\n", root.path()), Some(50));
        assert_eq!(group_room("nonsense\n0::", root.path()), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_machine_says_something() {
        assert!(available().is_some_and(|bytes| bytes > 1 << 20));
    }
}
