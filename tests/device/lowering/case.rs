//! A case: a module and the memory it runs on.

/// The heap's first unified address in every case: a multiple of 64 KiB in a range that programs leave free, and 512 KiB below
/// a multiple of 4 GiB, so that sums carry into an address's upper half.
pub const HEAP: u64 = 0x2a5c_fff8_0000;

/// The longest image, in bytes.
pub const LARGEST: usize = 4 << 20;

/// What an image's length is a multiple of, in bytes.
pub const GRANULE: usize = 64 << 10;

/// A module, the heap it runs on, and how it is launched.
pub struct Case {
    pub name: String,
    pub words: Vec<u32>,
    /// The heap's content; pointers in it are unified addresses (`HEAP + offset`). A multiple of [`GRANULE`] long, at most
    /// [`LARGEST`].
    pub image: Vec<u8>,
    /// Push constants, at most 128 bytes.
    pub arguments: Vec<u8>,
    pub groups: [u32; 3],
}

impl Case {
    /// Panics if it breaks one of the rules above.
    pub fn check(&self) {
        let (name, image, arguments) = (&self.name, self.image.len(), self.arguments.len());
        assert!(image > 0 && image.is_multiple_of(GRANULE) && image <= LARGEST, "{name}: an image of {image} bytes");
        assert!(arguments <= 128 && arguments.is_multiple_of(4), "{name}: {arguments} bytes of arguments");
    }
}
