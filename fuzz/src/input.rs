//! How the bytes of the fuzzer are read: one that picks, two that cut, and the rest is what a stranger sent.

/// An input.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// Which of several settings is tried.
    pub pick: usize,
    /// Where the data is cut.
    pub cut: u16,
    /// What a stranger sent.
    pub data: &'a [u8],
}

/// How many bytes come before the data.
const HEAD: usize = 3;

/// Up to this length an input may also be cut after every byte.
const SHORT: usize = 512;

impl<'a> Input<'a> {
    /// Reads an input. What is too short is none.
    pub fn new(bytes: &'a [u8]) -> Option<Self> {
        let (&[pick, first, second], data) = bytes.split_first_chunk::<HEAD>()?;
        Some(Self { pick: pick.into(), cut: u16::from_be_bytes([first, second]), data })
    }

    /// The data as text.
    pub fn text(&self) -> Option<&'a str> {
        std::str::from_utf8(self.data).ok()
    }

    /// The data in pieces, some of them empty.
    pub fn pieces(&self) -> Vec<&'a [u8]> {
        pieces(self.data, self.cut)
    }
}

/// Cuts bytes as a number says.
pub(crate) fn pieces(data: &[u8], cut: u16) -> Vec<&[u8]> {
    if cut.is_multiple_of(8) && data.len() <= SHORT {
        return data.chunks(1).collect();
    }
    let mut random = u64::from(cut).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut cuts = [0; 4];
    for cut in &mut cuts {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        *cut = (random >> 33) as usize % (data.len() + 1);
    }
    cuts.sort_unstable();
    let mut from = 0;
    let mut pieces: Vec<&[u8]> = Vec::with_capacity(5);
    for cut in cuts {
        pieces.push(&data[from..cut]);
        from = cut;
    }
    pieces.push(&data[from..]);
    pieces
}
