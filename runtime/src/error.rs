//! Everything that can go wrong, one variant a cause.
//!
//! A message says what was asked, what is wrong with it and what to do.

use std::{fmt, path::PathBuf, time::Duration};

/// What the library's functions return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation could not be done.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    // ---- opening ----
    /// No Vulkan loader on this machine.
    #[error(
        "cannot load the Vulkan loader (libvulkan): {reason}; install it and a driver (Debian: libvulkan1 and mesa-vulkan-drivers)"
    )]
    NoVulkan {
        /// What the dynamic linker said.
        reason: String,
    },
    /// The loader found no device at all, or none that the selection names.
    #[error("no Vulkan device {wanted}; {found}")]
    NoDevice {
        /// What was asked for, e.g. `named 'radv'`.
        wanted: String,
        /// The devices that exist.
        found: String,
    },
    /// The device lacks required features.
    #[error("device '{device}' cannot run vksvm, it lacks: {}", missing.join(", "))]
    MissingFeatures {
        /// The device's name.
        device: String,
        /// Every missing feature, extension or version.
        missing: Vec<String>,
    },
    /// The placement that was asked for does not work on this device.
    #[error("placement {placement} does not work on device '{device}': {reason}")]
    PlacementUnavailable {
        /// `unified` or `discrete`.
        placement: &'static str,
        /// The device's name.
        device: String,
        /// What was tried and what came of it.
        reason: String,
    },
    /// The translation that was asked for does not work on this device, or for this heap.
    #[error("translation {translation} does not work on device '{device}': {reason}")]
    TranslationUnavailable {
        /// `identity`, `offset` or `table`.
        translation: &'static str,
        /// The device's name.
        device: String,
        /// What was found, and what would do.
        reason: String,
    },
    /// No way to notice the CPU's touches works here, or not the one that was asked for.
    #[error("faults {faults} does not work here: {reason}; use auto, or placement unified")]
    FaultsUnavailable {
        /// `userfaultfd`, `sigbus`, `signal`, or `auto` where none works.
        faults: &'static str,
        /// What was tried and what came of it.
        reason: String,
    },
    /// Validation was asked for and its layer is not installed.
    #[error(
        "validation was asked for but VK_LAYER_KHRONOS_validation is not installed (Debian: vulkan-validationlayers)"
    )]
    NoValidationLayer,
    /// An option's value makes no sense.
    #[error("option {option}: {reason}")]
    BadOption {
        /// The option's name.
        option: &'static str,
        /// What is wrong and what is accepted.
        reason: String,
    },
    /// The operating system refused.
    #[error("{call} failed while {doing}: {os}")]
    Os {
        /// The system call.
        call: &'static str,
        /// What it was for.
        doing: &'static str,
        /// The system's error.
        os: OsError,
    },
    /// A trace or a report cannot be written (feature `report`).
    #[error("cannot write {}: {os}; name a file that may be written, in a directory that exists", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// The system's error.
        os: OsError,
    },

    // ---- Vulkan ----
    /// Vulkan has no host memory left.
    #[error("{call}: the driver is out of host memory; free memory and try again")]
    OutOfHostMemory {
        /// The Vulkan command.
        call: &'static str,
    },
    /// Vulkan has no device memory left.
    #[error("{call}: the device is out of memory; free device memory and try again")]
    OutOfDeviceMemory {
        /// The Vulkan command.
        call: &'static str,
    },
    /// The device is gone: a crash, a reset or a removal. Data in the heap stays readable; nothing can be launched.
    #[error("{call}: the device was lost; heap data stays readable, open a new Svm to launch again")]
    DeviceLost {
        /// The Vulkan command that reported it first.
        call: &'static str,
    },
    /// Any other Vulkan error.
    #[error("{call} failed: {result}")]
    Vulkan {
        /// The Vulkan command.
        call: &'static str,
        /// The result's Vulkan name.
        result: String,
    },

    // ---- heap ----
    /// The heap has no room for the allocation.
    #[error(
        "cannot allocate {bytes} bytes aligned to {align}: {free} of the heap's {heap} bytes are free, the largest piece is {largest}; open the Svm with a larger heap_size"
    )]
    HeapExhausted {
        /// Bytes asked for.
        bytes: usize,
        /// Alignment asked for, in bytes.
        align: usize,
        /// Free bytes in whole pages.
        free: usize,
        /// Largest run of free pages, in bytes.
        largest: usize,
        /// The heap's size in bytes.
        heap: usize,
    },
    /// More alignment than the heap gives.
    #[error("cannot allocate with an alignment of {align} bytes: the heap aligns to at most {max}")]
    Alignment {
        /// Alignment asked for, in bytes.
        align: usize,
        /// The largest alignment possible.
        max: usize,
    },
    /// More than a segment, where no allocation may cross segments.
    #[error(
        "cannot allocate {bytes} bytes: on this device no allocation crosses a segment of the heap, and a segment has {segment} bytes; split the data into smaller allocations"
    )]
    SegmentExceeded {
        /// Bytes asked for.
        bytes: usize,
        /// Bytes in a segment.
        segment: usize,
    },
    /// An element count whose bytes no address space holds.
    #[error("cannot allocate {len} elements of {size} bytes: the total exceeds the address space")]
    CapacityOverflow {
        /// Elements asked for.
        len: usize,
        /// Bytes in an element.
        size: usize,
    },

    // ---- loading ----
    /// Not a SPIR-V module, or a damaged one.
    #[error("not a usable SPIR-V module: {reason}")]
    InvalidSpirv {
        /// Where and what.
        reason: String,
    },
    /// The module lacks the entry point.
    #[error("the module has no compute entry point '{entry}'; it has: {}", list(found))]
    NoEntryPoint {
        /// The name asked for.
        entry: String,
        /// The compute entry points that it has.
        found: Vec<String>,
    },
    /// The module needs SPIR-V capabilities that the device lacks.
    #[error("kernel '{kernel}' needs {}, which device '{device}' does not support", missing.join(", "))]
    MissingCapabilities {
        /// The entry point.
        kernel: String,
        /// The device's name.
        device: String,
        /// SPIR-V capability names.
        missing: Vec<String>,
    },
    /// The module uses something that a launch cannot provide.
    #[error(
        "kernel '{kernel}' uses {what}, which vksvm does not bind; pass data by pointers in the push-constant block"
    )]
    UnsupportedInterface {
        /// The entry point.
        kernel: String,
        /// The resource, with its name where the module has one.
        what: String,
    },
    /// A specialization constant that the module does not have, or of another type.
    #[error("kernel '{kernel}': specialization constant {id}: {reason}")]
    BadConstant {
        /// The entry point.
        kernel: String,
        /// The constant's id.
        id: u32,
        /// What is wrong.
        reason: String,
    },
    /// Workgroup size beyond the device's limits.
    #[error("kernel '{kernel}': workgroup of {size:?} invocations exceeds the device's limit: {limit}")]
    WorkgroupTooLarge {
        /// The entry point.
        kernel: String,
        /// The workgroup's size.
        size: [u32; 3],
        /// The limit that it breaks.
        limit: String,
    },
    /// The Rust argument struct and the shader's block disagree.
    #[error("kernel '{kernel}', argument '{field}': {reason}")]
    ArgumentMismatch {
        /// The entry point.
        kernel: String,
        /// The Rust field.
        field: String,
        /// Offsets, sizes or kinds, on both sides.
        reason: String,
    },
    /// A shared struct's layout disagrees with the shader's.
    #[error("kernel '{kernel}', argument '{argument}': field '{field}': {reason}")]
    LayoutMismatch {
        /// The entry point.
        kernel: String,
        /// The argument whose element it is.
        argument: String,
        /// Path of the Rust field, e.g. `Node.edges`.
        field: String,
        /// Offset, size or kind, on both sides.
        reason: String,
    },
    /// The argument is declared `In`, yet the shader may write it.
    #[error(
        "kernel '{kernel}', argument '{field}' is In, but the shader's block '{block}' is not readonly (NonWritable on every member); declare the reference readonly in the shader, or pass InOut"
    )]
    WritesInput {
        /// The entry point.
        kernel: String,
        /// The Rust field.
        field: String,
        /// The shader's block.
        block: String,
    },
    /// The arguments do not fit.
    #[error(
        "kernel '{kernel}': {bytes} bytes of arguments, but the device's push constants hold {limit}; put what is large in a struct in the heap and pass a pointer to it"
    )]
    ArgumentsTooLarge {
        /// The entry point.
        kernel: String,
        /// Bytes that the arguments take.
        bytes: usize,
        /// The device's `maxPushConstantsSize`.
        limit: usize,
    },
    /// The kernel does something to pointers that cannot be translated.
    #[error("kernel '{kernel}' cannot be lowered, {instruction} in function {function}: {reason}")]
    NotLowerable {
        /// The entry point.
        kernel: String,
        /// The instruction: its opcode, and its result if it has one.
        instruction: String,
        /// The function's name if the module has names, else its id; `none` outside functions.
        function: String,
        /// What is missing, and what would do instead.
        reason: String,
    },
    /// The module was lowered by other means. Its pointers would be translated twice.
    #[error("kernel '{kernel}' was already lowered ({how}); load the compiler's own output, vksvm lowers it itself")]
    AlreadyLowered {
        /// The entry point.
        kernel: String,
        /// What its mark says.
        how: String,
    },
    /// Two types that `glsl_declarations` would have to give one name.
    #[error("two different types would be called '{name}' in GLSL; rename one of them")]
    GlslName {
        /// The name.
        name: String,
    },
    /// GLSL that does not compile (feature `glsl`).
    #[error("GLSL does not compile:\n{log}")]
    Glsl {
        /// shaderc's log, `file:line: error: …`.
        log: String,
    },

    // ---- launching ----
    /// A slice is shorter than `#[len]` says.
    #[error("argument '{field}' has {got} elements, the kernel needs {needed}")]
    ShortSlice {
        /// The field.
        field: &'static str,
        /// Elements needed.
        needed: u64,
        /// Elements passed.
        got: u64,
    },
    /// A `#[len]` expression that has no value for these arguments.
    #[error(
        "argument '{field}': its #[len({expression})] has no value for these arguments: {reason}; check the fields it is computed from"
    )]
    BadLength {
        /// The field.
        field: &'static str,
        /// The expression.
        expression: &'static str,
        /// What went wrong.
        reason: &'static str,
    },
    /// A slice that starts where the shader's accesses would be misaligned.
    #[error(
        "argument '{field}' starts at {address:#x}, but the kernel's accesses need an alignment of {align} bytes; pass the slice from an element that is so aligned"
    )]
    Misaligned {
        /// The field.
        field: &'static str,
        /// Where it starts.
        address: u64,
        /// The alignment in bytes that the shader declares.
        align: u32,
    },
    /// The slice is ordinary memory.
    #[error(
        "argument '{field}' ({bytes} bytes at {address:#x}) is not memory of a vksvm heap; build it with svm.vec(..) or svm.alloc()"
    )]
    ForeignMemory {
        /// The field.
        field: &'static str,
        /// Where it starts.
        address: u64,
        /// Its size.
        bytes: u64,
    },
    // ---- hints ----
    /// A hint about no bytes.
    #[error("{asked} of an empty region at {address:#x} says nothing; pass at least one byte of the heap")]
    EmptyHint {
        /// The hint.
        asked: &'static str,
        /// Where the region is.
        address: u64,
    },
    /// A hint about what no allocation of this heap has.
    #[error("{asked} of {bytes} bytes at {address:#x}: {}", if *other {
        "that is memory of another vksvm heap; ask the Svm that it was allocated from"
    } else {
        "not all of that is allocated in this heap, or it was freed; pass memory from svm.vec(..) or svm.alloc()"
    })]
    HintOutside {
        /// The hint.
        asked: &'static str,
        /// Where the region is.
        address: u64,
        /// Its size.
        bytes: u64,
        /// Whether another `Svm`'s heap has it.
        other: bool,
    },
    /// More was to be pinned to the device than may be.
    #[error(
        "pinning {bytes} bytes to the device would leave others less than half of its budget: {pinned} of {budget} bytes are pinned; \
         unpin something or open with a larger device_budget"
    )]
    PinnedTooMuch {
        /// What was asked for, rounded outward to pages.
        bytes: u64,
        /// What is pinned there.
        pinned: u64,
        /// The budget.
        budget: u64,
    },
    /// A launch uses memory that is pinned to the host, and the device may not use it in place.
    #[error(
        "a launch uses {bytes} bytes that are pinned to the host, which the device cannot use in place here; unpin them, or open with in_place(true)"
    )]
    PinnedToHost {
        /// Bytes in the pages that it uses and that are pinned.
        bytes: u64,
    },

    /// The slice belongs to another `Svm`.
    #[error("argument '{field}' lives in the heap of another Svm; a kernel takes memory of the Svm that loaded it")]
    OtherSvm {
        /// The field.
        field: &'static str,
    },
    /// The slice was lent by a scope of another `Svm`, which would not wait for this kernel.
    #[error(
        "argument '{field}' was lent by a scope of another Svm; lend it in a scope of the Svm that loaded the kernel"
    )]
    OtherScope {
        /// The field.
        field: &'static str,
    },
    /// A launch reaches more than device memory may hold, and may not use it in place.
    #[error(
        "the launch reaches {needed} bytes in whole pages, device memory may take {budget}; raise device_budget, allow in_place, or split the launch"
    )]
    BudgetExceeded {
        /// Bytes of all pages that it reaches.
        needed: u64,
        /// The budget in bytes.
        budget: u64,
    },
    /// A grid with a zero.
    #[error("grid {grid:?} has no invocation: every dimension must be at least 1")]
    EmptyGrid {
        /// As passed.
        grid: [u64; 3],
    },
    /// A grid beyond the device's limits.
    #[error(
        "grid {grid:?} needs {groups:?} workgroups of {local:?}, the device's limit is {limit:?}; loop inside the kernel, use a larger workgroup or more dimensions"
    )]
    GridTooLarge {
        /// As passed.
        grid: [u64; 3],
        /// Workgroups in each dimension.
        groups: [u64; 3],
        /// Workgroup size.
        local: [u32; 3],
        /// `maxComputeWorkGroupCount`.
        limit: [u32; 3],
    },
    /// The wait was cut off by its own limit.
    #[error("the launch was not finished after {waited:?}; it is still running")]
    Timeout {
        /// How long it was waited for.
        waited: Duration,
    },
    /// A launch that could not be submitted because of an earlier failure of its group.
    #[error("the launch was never started: {cause}")]
    NotStarted {
        /// Why the group's submission failed.
        cause: Box<Error>,
    },
}

/// An errno, comparable and cloneable, unlike `std::io::Error`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct OsError(pub i32);

impl fmt::Display for OsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        std::io::Error::from_raw_os_error(self.0).fmt(f)
    }
}

impl fmt::Debug for OsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "none".into() } else { names.join(", ") }
}
