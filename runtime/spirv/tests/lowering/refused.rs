//! What cannot be lowered is refused, and the error names the instruction and the function that the source says.

use vksvm_spirv::{Error, Options, Translation, lower};

use crate::{
    modules::{Module, refused, translations},
    spirv_val::validate,
};

/// What is wrong with how a module was refused. `refused: INSTRUCTION in FUNCTION` in its head is for what cannot be
/// lowered, `invalid: INSTRUCTION` for what breaks a rule.
fn mistake(module: &Module, error: Error) -> Option<String> {
    if let Some(expected) = module.says("refused") {
        let Error::Unsupported { instruction, function, .. } = &error else {
            return Some(format!("it is not `unsupported`: {error}"));
        };
        let opcode = instruction.split_whitespace().next()?;
        return (format!("{opcode} in {function}") != expected).then(|| format!("not {expected}: {error}"));
    }
    let expected = module.says("invalid").unwrap_or("a line `; refused:` or `; invalid:`");
    match &error {
        Error::Invalid { reason } if reason.split_whitespace().any(|word| word == expected) => None,
        _ => Some(format!("not {expected}: {error}")),
    }
}

#[test]
fn the_error_names_instruction_and_function() {
    let modules = refused();
    assert!(modules.len() >= 12, "there are only {} refused modules", modules.len());
    let mut wrong = vec![];
    for module in modules {
        if module.says("validate") != Some("no") {
            wrong.extend(validate(&module.words).err().map(|error| format!("{}: {error}", module.name)));
        }
        for (form, translation) in translations().into_iter().filter(|(_, t)| *t != Translation::Identity) {
            let mistake = match lower(&module.words, &Options::new(translation)) {
                Err(error) => mistake(&module, error),
                Ok(_) => Some("it was lowered".into()),
            };
            wrong.extend(mistake.map(|mistake| format!("{} {form}: {mistake}", module.name)));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
