//! The entry point: arguments, how an invocation gets at its objects, and its result.

use super::declare::PHYSICAL;
use super::operands::Does;
use super::{Body, Element, Place, Writer};
use crate::lowering::generated::picks::Picks;
use crate::lowering::generated::recipe::{Entry, RESULT};
use crate::lowering::generated::types::{Class, Length, Scalar, Type};
use rspirv::spirv::{BuiltIn, Capability, Decoration, Op, StorageClass};

const PUSH_CONSTANT: u32 = StorageClass::PushConstant as u32;
const INPUT: u32 = StorageClass::Input as u32;
const PRIVATE: u32 = StorageClass::Private as u32;

/// What all functions use.
#[derive(Default)]
pub struct Globals {
    arguments: u32,
    /// The type of each argument.
    argument_types: Vec<u32>,
    invocation: u32,
    /// The pointer to the root block, and the types of its members.
    root: u32,
    root_types: Vec<u32>,
}

/// Where the arguments are: a word of 8 bytes for each region, then these.
pub const AFTER_REGIONS: [(&str, u32); 3] = [("root", 0), ("invocations", 8), ("zero", 12)];

impl Writer<'_> {
    pub fn module(&mut self) -> Vec<u32> {
        self.sections.need(Capability::Shader);
        self.sections.need(Capability::PhysicalStorageBufferAddresses);
        if self.recipe.minor < 5 {
            self.sections.extensions.insert("SPV_KHR_physical_storage_buffer");
        }
        if self.recipe.vulkan_memory_model {
            self.sections.need(Capability::VulkanMemoryModel);
            if self.recipe.minor < 5 {
                self.sections.extensions.insert("SPV_KHR_vulkan_memory_model");
            }
        }
        if self.recipe.debug {
            let file = self.sections.id();
            self.sections.strings.put_string(Op::String, &[file], "generated.comp", &[]);
            self.sections.processed.put_string(Op::ModuleProcessed, &[], &format!("seed {}", self.recipe.seed), &[]);
            self.file = Some(file);
            self.saw("module.debug");
        }
        self.declare_globals();
        for number in 0..self.recipe.functions.len() {
            self.function(number);
        }
        let entry = self.main();
        self.name(entry, "main");
        self.saw(match self.recipe.minor {
            3 => "module.SPIR-V 1.3",
            5 => "module.SPIR-V 1.5",
            _ => "module.SPIR-V 1.6",
        });
        const GLSL450: u32 = 1;
        const VULKAN: u32 = 3;
        let model = if self.recipe.vulkan_memory_model { VULKAN } else { GLSL450 };
        if self.recipe.vulkan_memory_model {
            self.saw("module.Vulkan memory model");
        }
        self.sections.assemble(self.recipe.minor, model, entry, self.recipe.local_size)
    }

    /// A variable of the module; before SPIR-V 1.4 only those for input and output are in the entry point's interface.
    pub fn global(&mut self, pointer: u32, class: u32, initial: Option<u32>) -> u32 {
        let id = self.sections.id();
        let mut operands = vec![pointer, id, class];
        operands.extend(initial);
        self.sections.globals.put(Op::Variable, &operands);
        if class == INPUT || self.recipe.minor >= 4 {
            self.sections.interface.push(id);
        }
        id
    }

    fn declare_globals(&mut self) {
        let word = self.scalar(Scalar::U32);
        let pointer = self.pointer(PRIVATE, word, None);
        let start = self.u32(0x811C_9DC5);
        self.sum = self.global(pointer, PRIVATE, Some(start));
        self.name(self.sum, "sum");

        let three = self.vector(Scalar::U32, 3);
        let pointer = self.pointer(INPUT, three, None);
        self.globals.invocation = self.global(pointer, INPUT, None);
        self.decorate(self.globals.invocation, Decoration::BuiltIn, &[BuiltIn::GlobalInvocationId as u32]);

        let regions = self.recipe.regions.clone();
        let mut arguments = Vec::new();
        let mut root = Vec::new();
        for (number, region) in regions.iter().enumerate() {
            // Every other one has the stride at once, the rest get it by a conversion.
            let stride = (!region.shared && number % 2 == 1).then_some(region.stride);
            let pointer = match region.entry {
                Entry::Wrapped => self.wrapper(number, &region.object, region.stride),
                _ => self.pointer_to(&region.object, stride),
            };
            let long = self.scalar(Scalar::U64);
            root.push(if region.entry == Entry::Root { pointer } else { long });
            arguments.push(match region.entry {
                Entry::Address | Entry::Root => long,
                Entry::Halves => self.vector(Scalar::U32, 2),
                Entry::Pointer | Entry::Wrapped => pointer,
            });
        }
        let offsets: Vec<u32> = (0..=regions.len() as u32).map(|number| 8 * number).collect();
        let block = self.block("Root", &root, &offsets);
        self.globals.root_types = root;
        self.globals.root = self.pointer(PHYSICAL, block, None);

        let end = 8 * regions.len() as u32;
        arguments.extend([self.globals.root, word, word]);
        let mut offsets: Vec<u32> = (0..regions.len() as u32).map(|number| 8 * number).collect();
        offsets.extend(AFTER_REGIONS.map(|(_, after)| end + after));
        let block = self.block("Arguments", &arguments, &offsets);
        self.globals.argument_types = arguments;
        let pointer = self.pointer(PUSH_CONSTANT, block, None);
        self.globals.arguments = self.global(pointer, PUSH_CONSTANT, None);
    }

    /// A block of members at offsets.
    fn block(&mut self, name: &str, members: &[u32], offsets: &[u32]) -> u32 {
        let id = self.sections.id();
        let mut operands = vec![id];
        operands.extend(members);
        self.sections.globals.put(Op::TypeStruct, &operands);
        self.decorate(id, Decoration::Block, &[]);
        self.name(id, name);
        for (number, (_, offset)) in members.iter().zip(offsets).enumerate() {
            self.decorate_member(id, number as u32, Decoration::Offset, &[*offset]);
        }
        id
    }

    /// The pointer to a block that is one runtime array of objects.
    fn wrapper(&mut self, number: usize, object: &Type, stride: u32) -> u32 {
        let array = self.array(object, 0, stride, Length::Runtime);
        let block = self.block(&format!("Wrapper{number}"), &[array], &[0]);
        self.decorate_matrix(block, 0, object);
        self.pointer(PHYSICAL, block, None)
    }

    /// An argument's value.
    fn argument(&mut self, number: usize) -> u32 {
        let ty = self.globals.argument_types[number];
        let pointer = self.pointer(PUSH_CONSTANT, ty, None);
        let index = self.u32(number as u32);
        let id = self.op(Op::AccessChain, pointer, &[self.globals.arguments, index]);
        self.op(Op::Load, ty, &[id])
    }

    /// The invocation's first object in a region.
    pub fn enter(&mut self, number: usize) -> Place {
        let region = self.recipe.regions[number].clone();
        let word = self.scalar(Scalar::U32);
        let long = self.scalar(Scalar::U64);
        let pointer = self.pointer_to(&region.object, None);
        let (index, stride) = (self.body.index, self.u32(region.stride));
        let distance = if region.shared { self.u32(0) } else { self.op(Op::IMul, word, &[index, stride]) };
        let mut stride_of_pointer = None;
        let id = match region.entry {
            Entry::Address => {
                let base = self.argument(number);
                let distance = self.op(Op::UConvert, long, &[distance]);
                let address = self.op(Op::IAdd, long, &[base, distance]);
                self.saw("entry.address");
                self.op(Op::ConvertUToPtr, pointer, &[address])
            }
            Entry::Halves => {
                let base = self.argument(number);
                let (pair, truth) = (self.vector(Scalar::U32, 2), self.bool());
                let low = self.op(Op::CompositeExtract, word, &[base, 0]);
                let high = self.op(Op::CompositeExtract, word, &[base, 1]);
                let low = self.op(Op::IAdd, word, &[low, distance]);
                let carries = self.op(Op::ULessThan, truth, &[low, distance]);
                let (zero, one) = (self.u32(0), self.u32(1));
                let carry = self.op(Op::Select, word, &[carries, one, zero]);
                let high = self.op(Op::IAdd, word, &[high, carry]);
                let address = self.op(Op::CompositeConstruct, pair, &[low, high]);
                self.saw("entry.halves");
                self.op(Op::Bitcast, pointer, &[address])
            }
            Entry::Pointer | Entry::Root => {
                let base = self.base(number);
                match region.shared {
                    true => base,
                    false => {
                        let ty = self.pointer_to(&region.object, Some(region.stride));
                        let base = if number % 2 == 1 { base } else { self.op(Op::Bitcast, ty, &[base]) };
                        stride_of_pointer = Some(region.stride);
                        self.op(Op::PtrAccessChain, ty, &[base, index])
                    }
                }
            }
            Entry::Wrapped => {
                let base = self.argument(number);
                let zero = self.u32(0);
                self.saw("entry.wrapped");
                self.op(Op::AccessChain, pointer, &[base, zero, index])
            }
        };
        let shared_block = match region.object {
            Type::Struct(index) => self.recipe.types.0[index].class == Class::Shared,
            _ => false,
        };
        let zero = self.u32(0);
        Place {
            id,
            stride: stride_of_pointer,
            align: self.recipe.region_align(&region),
            read: true,
            write: !shared_block,
            loose: !self.recipe.types.bare_matrix(&region.object),
            raw: false,
            element: (region.count > 1).then_some(Element {
                index: zero,
                length: region.count,
                stride: region.spacing,
            }),
            ty: region.object,
        }
    }

    /// A region's pointer, from the arguments or from the root block.
    fn base(&mut self, number: usize) -> u32 {
        if self.recipe.regions[number].entry == Entry::Pointer {
            self.saw("entry.pointer");
            return self.argument(number);
        }
        self.saw("entry.root");
        let root = self.argument(self.recipe.regions.len());
        let ty = self.globals.root_types[number];
        let pointer = self.pointer(PHYSICAL, ty, None);
        let index = self.u32(number as u32);
        let id = self.op(Op::AccessChain, pointer, &[root, index]);
        const ALIGNED: u32 = 2;
        self.op(Op::Load, ty, &[id, ALIGNED, 8])
    }

    /// What every function starts with.
    pub fn begin(&mut self, _: &mut Picks) {
        self.body.label = self.sections.id();
        let (word, three) = (self.scalar(Scalar::U32), self.vector(Scalar::U32, 3));
        let all = self.op(Op::Load, three, &[self.globals.invocation]);
        self.body.index = self.op(Op::CompositeExtract, word, &[all, 0]);
        self.body.zero = self.argument(self.recipe.regions.len() + 2);
        self.body.small.push(self.body.index);
        self.body.first = self.body.label;
    }

    /// Puts the function together.
    pub fn end(&mut self, result: u32, ty: u32, parameters: &[(u32, u32)]) -> u32 {
        let id = self.sections.id();
        let code = &mut self.sections.functions;
        code.put(Op::Function, &[result, id, 0, ty]);
        for (parameter, ty) in parameters {
            code.put(Op::FunctionParameter, &[*ty, *parameter]);
        }
        code.put(Op::Label, &[self.body.first]);
        let body = std::mem::take(&mut self.body);
        code.0.extend(body.variables.0);
        code.0.extend(body.code.0);
        code.put(Op::FunctionEnd, &[]);
        id
    }

    fn main(&mut self) -> u32 {
        self.note("main");
        self.body = Body { callable: self.functions.len(), main: true, ..Body::default() };
        let mut picks = Picks::new(0);
        self.begin(&mut picks);
        let (truth, void) = (self.bool(), self.void());
        let invocations = self.argument(self.recipe.regions.len() + 1);
        let works = self.op(Op::ULessThan, truth, &[self.body.index, invocations]);
        let (body, end) = (self.sections.id(), self.sections.id());
        self.act(Op::SelectionMerge, &[body, 0]);
        self.act(Op::BranchConditional, &[works, body, end]);
        self.label(end);
        self.act(Op::Return, &[]);
        self.label(body);
        for region in 2..self.recipe.regions.len() {
            let place = self.enter(region);
            self.note(format!("%{} is in region {region}: {:?}", place.id, place.ty));
            self.body.scope.push(place);
        }
        let steps = self.recipe.steps.clone();
        self.steps(&steps);
        self.write_result(&mut picks);
        self.act(Op::Return, &[]);
        let ty = self.function_type(void, &[]);
        self.end(void, ty, &[])
    }

    /// Stores the sum of all that was loaded where it is compared.
    pub fn write_result(&mut self, picks: &mut Picks) {
        let place = self.enter(RESULT);
        let ty = Type::Scalar(Scalar::U32);
        let (pointer, zero, sum) = (self.pointer_to(&ty, None), self.u32(0), self.sum_now());
        let id = self.op(Op::AccessChain, pointer, &[place.id, zero]);
        let place = Place { id, ty, ..place };
        let mut operands = vec![place.id, sum];
        operands.extend(self.operands(picks, &place, Does::Write));
        self.act(Op::Store, &operands);
    }
}
