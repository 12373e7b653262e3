//! Owns what the system says about memory as a whole: the OS page and how much there is.

use std::path::Path;

/// Bytes in an OS page.
#[cfg(test)]
pub(crate) fn os_page() -> usize {
    rustix::param::page_size()
}

/// Bytes of memory that this process may come to use: the machine's, or less where a control group limits it.
/// Swap is not counted.
pub(crate) fn total_memory() -> usize {
    let info = rustix::system::sysinfo();
    let machine = (info.totalram as u64).saturating_mul(u64::from(info.mem_unit.max(1)));
    let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let limit = group_limit(&groups, |path| std::fs::read_to_string(path).ok());
    usize::try_from(machine.min(limit.unwrap_or(u64::MAX))).unwrap_or(usize::MAX)
}

/// The least memory limit of the control groups that `/proc/self/cgroup` names, and of those that they lie in.
/// Files that are missing, unreadable or without a limit count as none.
fn group_limit(groups: &str, read: impl Fn(&Path) -> Option<String>) -> Option<u64> {
    let mut least = None;
    for line in groups.lines() {
        // hierarchy:controllers:path; version 2 is hierarchy 0 without controllers.
        let mut fields = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (fields.next(), fields.next(), fields.next()) else { continue };
        let (root, file) = if controllers.is_empty() {
            (Path::new("/sys/fs/cgroup"), "memory.max")
        } else if controllers.split(',').any(|name| name == "memory") {
            (Path::new("/sys/fs/cgroup/memory"), "memory.limit_in_bytes")
        } else {
            continue;
        };
        for group in Path::new(path.trim_start_matches('/')).ancestors() {
            let limit = read(&root.join(group).join(file)).and_then(|text| text.trim().parse::<u64>().ok());
            least = match (least, limit) {
                (Some(a), Some(b)) => Some(u64::min(a, b)),
                (a, b) => a.or(b),
            };
        }
    }
    least
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn os_page_is_a_power_of_two_that_divides_our_page() {
        assert!(os_page().is_power_of_two());
        assert!(crate::PAGE.is_multiple_of(os_page()));
    }

    #[test]
    fn total_memory_is_at_most_the_machines() {
        let text = std::fs::read_to_string("/proc/meminfo").unwrap();
        let kib: usize = text
            .lines()
            .find_map(|line| line.strip_prefix("MemTotal:"))
            .and_then(|rest| rest.trim().strip_suffix(" kB"))
            .unwrap()
            .parse()
            .unwrap();
        let total = total_memory();
        assert!(total > 0 && total <= kib * 1024, "{total} bytes, the machine has {kib} KiB");
    }

    fn limit(groups: &str, files: &[(&str, &str)]) -> Option<u64> {
        let files: HashMap<_, _> = files.iter().copied().collect();
        group_limit(groups, |path| files.get(path.to_str()?).map(|text| text.to_string()))
    }

    #[test]
    fn the_least_limit_of_a_group_and_its_parents_counts() {
        let files = [
            ("/sys/fs/cgroup/a/b/memory.max", "max\n"),
            ("/sys/fs/cgroup/a/memory.max", "5000\n"),
            ("/sys/fs/cgroup/memory.max", "9000\n"),
        ];
        assert_eq!(limit("0::/a/b\n", &files), Some(5000));
        assert_eq!(limit("0::/\n", &files), Some(9000));
        assert_eq!(limit("0::/elsewhere\n", &files[..2]), None);
    }

    #[test]
    fn version_1_groups_count_by_their_memory_controller() {
        let files = [("/sys/fs/cgroup/memory/job/memory.limit_in_bytes", "777\n"), ("/sys/fs/cgroup/memory.max", "1")];
        assert_eq!(limit("5:cpu,cpuacct:/job\n4:memory:/job\n", &files), Some(777));
        assert_eq!(limit("not a group line\n", &files), None);
    }
}
