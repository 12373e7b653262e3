//! A module's words, section by section.

use rspirv::spirv::{Capability, Op};
use std::collections::BTreeSet;

/// Words that make instructions.
#[derive(Default)]
pub struct Code(pub Vec<u32>);

impl Code {
    pub fn put(&mut self, op: Op, operands: &[u32]) {
        self.0.push(((operands.len() + 1) as u32) << 16 | op as u32);
        self.0.extend(operands);
    }

    /// An instruction with a string after some operands, and others after it.
    pub fn put_string(&mut self, op: Op, before: &[u32], string: &str, after: &[u32]) {
        let mut operands = before.to_vec();
        operands.extend(pack(string));
        operands.extend(after);
        self.put(op, &operands);
    }
}

/// A string as SPIR-V has it: UTF-8 with a zero at the end.
fn pack(string: &str) -> Vec<u32> {
    let mut bytes = string.as_bytes().to_vec();
    bytes.push(0);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes.chunks_exact(4).map(|word| u32::from_le_bytes(word.try_into().expect("four bytes"))).collect()
}

/// The sections, in the order in which they are assembled.
#[derive(Default)]
pub struct Sections {
    pub capabilities: BTreeSet<u32>,
    pub extensions: BTreeSet<&'static str>,
    pub strings: Code,
    pub names: Code,
    pub processed: Code,
    pub annotations: Code,
    pub globals: Code,
    pub functions: Code,
    /// The variables of the entry point's interface.
    pub interface: Vec<u32>,
    pub bound: u32,
}

impl Sections {
    pub fn id(&mut self) -> u32 {
        self.bound += 1;
        self.bound
    }

    pub fn need(&mut self, capability: Capability) {
        self.capabilities.insert(capability as u32);
    }

    pub fn assemble(&self, minor: u32, memory_model: u32, entry: u32, local_size: u32) -> Vec<u32> {
        let mut code = Code(vec![0x0723_0203, 1 << 16 | minor << 8, 0, self.bound + 1, 0]);
        for capability in &self.capabilities {
            code.put(Op::Capability, &[*capability]);
        }
        for extension in &self.extensions {
            code.put_string(Op::Extension, &[], extension, &[]);
        }
        const PHYSICAL_STORAGE_BUFFER_64: u32 = 5348;
        code.put(Op::MemoryModel, &[PHYSICAL_STORAGE_BUFFER_64, memory_model]);
        const COMPUTE: u32 = 5;
        code.put_string(Op::EntryPoint, &[COMPUTE, entry], "main", &self.interface);
        const LOCAL_SIZE: u32 = 17;
        code.put(Op::ExecutionMode, &[entry, LOCAL_SIZE, local_size, 1, 1]);
        for section in [&self.strings, &self.names, &self.processed, &self.annotations, &self.globals, &self.functions]
        {
            code.0.extend(&section.0);
        }
        code.0
    }
}
