//! Changes modules at random: what the tests and the fuzz targets give to the lowering besides modules that are right.

/// Bytes that decide. Where they end, the rest is decided by zeros.
pub struct Choices<'b> {
    bytes: &'b [u8],
}

impl<'b> Choices<'b> {
    pub fn new(bytes: &'b [u8]) -> Self {
        Choices { bytes }
    }

    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.bytes.split_first() else { return 0 };
        self.bytes = rest;
        *first
    }

    pub fn u32(&mut self) -> u32 {
        u32::from_le_bytes(std::array::from_fn(|_| self.byte()))
    }

    pub fn u64(&mut self) -> u64 {
        u64::from(self.u32()) << 32 | u64::from(self.u32())
    }

    /// A number below `end`, or 0 if that is 0. Small ends take few bytes.
    pub fn below(&mut self, end: usize) -> usize {
        let number = match end {
            0..=1 => return 0,
            2..=0x100 => usize::from(self.byte()),
            0x101..=0x1_0000 => usize::from(self.byte()) << 8 | usize::from(self.byte()),
            _ => self.u32() as usize,
        };
        number % end
    }
}

/// Words before the first instruction; the fourth is the bound of the ids.
const HEADER: usize = 5;
const BOUND: usize = 3;

/// Opcodes that some edits look for.
const FUNCTION: u16 = 54;
const LOAD: u16 = 61;
const STORE: u16 = 62;
const MEMBER_DECORATE: u16 = 72;

/// Literals and enumerants at which code takes another way.
const LITERALS: [u32; 24] = [
    0,
    1,
    2,
    3,
    4,
    5,
    8,
    12,
    16,
    32,
    63,
    64,
    128,
    256,
    0xffff,
    0x1_0000,
    0x1000_0000,
    0x7fff_ffff,
    0x8000_0000,
    u32::MAX,
    5348, // PhysicalStorageBuffer64
    5349, // PhysicalStorageBuffer
    7,    // Function
    9,    // PushConstant
];

/// Opcodes that lowering looks at, or that change what it sees.
const OPCODES: [u16; 40] = [
    1, 12, 21, 22, 23, 24, 28, 29, 30, 32, 43, 46, 50, 52, 54, 55, 57, 59, 61, 62, 63, 65, 66, 67, 68, 71, 72, 79, 80,
    81, 83, 117, 120, 124, 169, 227, 232, 245, 248, 249,
];

/// `words` with up to `most` edits, at least one. Their number, and each, follow from `choices`.
pub fn mutated(words: &[u32], most: usize, choices: &mut Choices<'_>) -> Vec<u32> {
    let mut header = words[..HEADER.min(words.len())].to_vec();
    let mut insts = instructions(words);
    for _ in 0..=choices.below(most) {
        edit(&mut header, &mut insts, choices);
    }
    let mut changed = header;
    for inst in &insts {
        changed.extend_from_slice(inst);
    }
    if most > 1 && choices.below(40) == 39 {
        changed.truncate(choices.below(changed.len()));
    }
    changed
}

fn instructions(words: &[u32]) -> Vec<Vec<u32>> {
    let (mut insts, mut rest) = (vec![], words.get(HEADER..).unwrap_or_default());
    while let [first, ..] = rest {
        let (inst, after) = rest.split_at(((first >> 16) as usize).clamp(1, rest.len()));
        insts.push(inst.to_vec());
        rest = after;
    }
    insts
}

fn edit(header: &mut [u32], insts: &mut Vec<Vec<u32>>, choices: &mut Choices<'_>) {
    if insts.is_empty() {
        return;
    }
    let count = insts.len();
    let at = choices.below(count);
    let bound = header.get(BOUND).map_or(1, |bound| *bound as usize);
    match choices.below(24) {
        0 => drop(insts.remove(at)),
        1 => insts.insert(choices.below(count), insts[at].clone()),
        2 => insts.swap(at, choices.below(count)),
        3 => insts.swap(at, (at + 1) % count),
        4 => {
            let moved = insts.remove(at);
            insts.insert(choices.below(count), moved);
        }
        5 => {
            // A new instruction like another one with another result.
            let mut copy = insts[at].clone();
            if let Some(result) = copy.get_mut(2) {
                *result = bound as u32;
                header.get_mut(BOUND).into_iter().for_each(|bound| *bound = bound.saturating_add(1));
            }
            insts.insert(at + 1, copy);
        }
        6 | 7 => set(&mut insts[at], choices, |choices, _| choices.below(bound) as u32),
        8 => set(&mut insts[at], choices, |choices, _| LITERALS[choices.below(LITERALS.len())]),
        9 => set(&mut insts[at], choices, |choices, old| old.wrapping_add([1, u32::MAX, 1 << 8][choices.below(3)])),
        10 => set(&mut insts[at], choices, |choices, old| old ^ 1 << choices.below(32)),
        11 => {
            // Of the same function or near by: an operand that may fit.
            let other = &insts[(at + choices.below(16)) % count];
            let operand = other.get(1 + choices.below(other.len().saturating_sub(1))).copied().unwrap_or(1);
            set(&mut insts[at], choices, |_, _| operand);
        }
        12 => {
            let opcode = OPCODES[choices.below(OPCODES.len())];
            insts[at][0] = insts[at][0] & 0xffff_0000 | u32::from(opcode);
        }
        13 => {
            let added = if choices.below(2) == 0 { choices.below(bound) as u32 } else { choices.below(32) as u32 };
            insts[at].push(added);
            resize(&mut insts[at]);
        }
        14 => {
            insts[at].pop();
            resize(&mut insts[at]);
            insts.retain(|inst| !inst.is_empty());
        }
        15..=20 => substitute(insts, at, choices),
        21 | 22 => {
            // Another alignment of an access, or another offset of a member.
            let aligned = [LOAD, STORE, MEMBER_DECORATE].map(u32::from).contains(&(insts[at][0] & 0xffff));
            if let Some(last) = insts[at].last_mut().filter(|_| aligned) {
                *last = 1 << choices.below(7);
            }
        }
        _ => match header.get_mut(choices.below(HEADER)) {
            Some(word) if choices.below(8) == 0 => *word = LITERALS[choices.below(LITERALS.len())],
            _ => {
                let last = insts[at].len().saturating_sub(1);
                if last >= 2 {
                    let (a, b) = (1 + choices.below(last), 1 + choices.below(last));
                    insts[at].swap(a, b);
                }
            }
        },
    }
}

/// Puts another value of the same type, from earlier in the functions, in an operand's place.
fn substitute(insts: &mut [Vec<u32>], at: usize, choices: &mut Choices<'_>) {
    let (before, [inst, ..]) = insts.split_at_mut(at) else { return };
    let start = before.iter().position(|inst| inst[0] & 0xffff == u32::from(FUNCTION)).unwrap_or(at);
    let first_operand = if inst[0] & 0xffff == u32::from(STORE) { 1 } else { 3 };
    if inst.len() <= first_operand {
        return;
    }
    let operand = first_operand + choices.below(inst.len() - first_operand);
    let Some(ty) = before.iter().find(|def| def.get(2) == Some(&inst[operand])).map(|def| def[1]) else { return };
    let alike = |def: &&Vec<u32>| def.len() > 3 && def[1] == ty && def[0] & 0xffff != u32::from(STORE);
    let candidates = before[start..].iter().filter(alike).count();
    if let Some(other) = before[start..].iter().filter(alike).nth(choices.below(candidates)) {
        inst[operand] = other[2];
    }
}

/// Changes one operand.
fn set(inst: &mut [u32], choices: &mut Choices<'_>, new: impl FnOnce(&mut Choices<'_>, u32) -> u32) {
    if inst.len() > 1 {
        let at = 1 + choices.below(inst.len() - 1);
        inst[at] = new(choices, inst[at]);
    }
}

/// Makes the first word tell the length.
fn resize(inst: &mut [u32]) {
    let words = inst.len() as u32;
    if let Some(first) = inst.first_mut() {
        *first = *first & 0xffff | words << 16;
    }
}
