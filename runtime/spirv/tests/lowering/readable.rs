//! Modules as text that is pleasant to compare: rspirv's disassembly, with types and constants called by what they are.

use rspirv::{binary::Disassemble, dr};
use std::collections::HashMap;

/// The text of a module. It does not depend on any installed program.
pub fn text(words: &[u32]) -> String {
    let module = dr::load_words(words).expect("rspirv reads it");
    let plain = module.disassemble();
    let mut names: HashMap<String, String> = HashMap::new();
    let mut text = String::new();
    for line in plain.lines().filter(|line| !line.starts_with(';') && !line.trim().is_empty()) {
        let tokens: Vec<&str> = line.split_whitespace().collect();
        if let [id, "=", what @ ..] = &tokens[..]
            && let Some(name) = name(id, what, &names)
        {
            let taken = names.values().any(|other| *other == name);
            names.insert(id.to_string(), if taken { format!("{name}_{}", id.trim_start_matches('%')) } else { name });
        }
        let named: Vec<&str> = tokens.iter().map(|token| names.get(*token).map_or(*token, String::as_str)).collect();
        match &named[..] {
            [id, "=", rest @ ..] => text.push_str(&format!("{id:>16} = {}\n", rest.join(" "))),
            all => text.push_str(&format!("{:19}{}\n", "", all.join(" "))),
        }
    }
    text
}

/// A name for a type or a constant; none for anything else.
fn name(id: &str, what: &[&str], names: &HashMap<String, String>) -> Option<String> {
    // Ids used here are types that come before, or that are forward pointers and have only their number.
    let of = |id: &str| names.get(id).map_or(id, String::as_str).trim_start_matches('%').to_string();
    let name = match what {
        ["OpTypeVoid"] => "void".into(),
        ["OpTypeBool"] => "bool".into(),
        ["OpTypeInt", width, "0"] => format!("u{width}"),
        ["OpTypeInt", width, _] => format!("i{width}"),
        ["OpTypeFloat", width, ..] => format!("f{width}"),
        ["OpTypeVector", of_type, count] => format!("v{count}{}", of(of_type)),
        ["OpTypeMatrix", of_type, count] => format!("m{count}{}", of(of_type)),
        ["OpTypeStruct", ..] => format!("struct{}", of(id)),
        ["OpTypeArray" | "OpTypeRuntimeArray", of_type, ..] => format!("array{}_{}", of(id), of(of_type)),
        // Two pointer types may differ in their decorations only.
        ["OpTypePointer", "PhysicalStorageBuffer", to] => format!("ptr{}_{}", of(id), of(to)),
        ["OpTypePointer", class, to] => format!("{}_{}", class.to_lowercase(), of(to)),
        ["OpConstant", ty, value] => format!("{}_{}", of(ty), value.replace('-', "m").replace('.', "_")),
        _ => return None,
    };
    Some(format!("%{name}"))
}
