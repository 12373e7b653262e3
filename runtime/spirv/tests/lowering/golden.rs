//! Some lowered modules as text, to be read: what lowering makes of a module is seen in review when it changes.

use vksvm_spirv::{Options, lower};

use crate::{
    modules::{corpus, translations},
    readable::text,
};
use std::{env, fs, path::Path};

/// Modules of the corpus and forms, each in `golden/NAME.FORM.spvasm`.
const GOLDEN: [(&str, &str); 5] = [
    ("list_walk", "table"),
    ("names_collide", "mirrored"),
    ("volatile_nontemporal", "offset"),
    ("dxc_address_arithmetic", "table"),
    ("copy_memory", "offset"),
];

/// The environment variable that has the files written instead of compared.
const WRITE: &str = "VKSVM_SPIRV_WRITE_GOLDEN";

#[test]
fn the_files_are_what_lowering_makes() {
    let modules = corpus();
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    let mut differ = vec![];
    for (name, form) in GOLDEN {
        let module = modules.iter().find(|module| module.name == name).unwrap();
        let (_, translation) = translations().into_iter().find(|(known, _)| *known == form).unwrap();
        let text = text(&lower(&module.words, &Options::new(translation)).unwrap().words);
        let file = dir.join(format!("{name}.{form}.spvasm"));
        if env::var_os(WRITE).is_some() {
            fs::write(&file, text).unwrap();
        } else if let Some(line) = difference(&fs::read_to_string(&file).unwrap_or_default(), &text) {
            differ.push(format!("{}:{line}", file.display()));
        }
    }
    assert!(differ.is_empty(), "these differ; {WRITE}=1 writes them, then read what changed:\n{}", differ.join("\n"));
}

/// The number of the first line that differs.
fn difference(a: &str, b: &str) -> Option<usize> {
    if a == b {
        return None;
    }
    Some(1 + a.lines().zip(b.lines()).take_while(|(a, b)| a == b).count())
}
