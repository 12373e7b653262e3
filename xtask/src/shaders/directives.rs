//! What a shader's source says about its own making, in comment lines: `// optimise: no`, `; target: spv1.3`.

use anyhow::{Result, bail};

/// The value of `name: value` in a comment line, if there is one. Only the lines before the first that is no comment
/// count.
pub fn value<'a>(source: &'a str, comment: &str, name: &str) -> Option<&'a str> {
    let head = source.lines().map_while(|line| line.trim().strip_prefix(comment));
    head.filter_map(|line| line.trim().strip_prefix(name)?.strip_prefix(':')).next().map(str::trim)
}

/// A switch, `yes` or `no`; `default` where the source says nothing.
pub fn switch(source: &str, comment: &str, name: &str, default: bool) -> Result<bool> {
    match value(source, comment, name) {
        None => Ok(default),
        Some("yes") => Ok(true),
        Some("no") => Ok(false),
        Some(other) => bail!("`{name}: {other}`: it is yes or no"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_comments_on_top_count() {
        let source = "; Loads.\n;   target:  spv1.3 \nOpCapability Shader\n; validate: no\n";
        assert_eq!(value(source, ";", "target"), Some("spv1.3"));
        assert_eq!(value(source, ";", "validate"), None);
        assert_eq!(value("// target: spv1.3", ";", "target"), None);
    }

    #[test]
    fn a_switch_is_yes_or_no() {
        assert!(switch("", "//", "optimise", true).unwrap());
        assert!(!switch("// optimise: no", "//", "optimise", true).unwrap());
        assert!(switch("// optimise: maybe", "//", "optimise", true).unwrap_err().to_string().contains("yes or no"));
    }
}
