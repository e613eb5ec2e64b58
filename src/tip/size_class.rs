//! The sizes that an archive can have: all that an envelope's length tells of the tip inside.

const KIB: u64 = 1 << 10;

/// What every class has beside its 16 KiB·2^k or 24 KiB·2^k: room for the tar's headers and
/// `tip.json`, so that a tip whose contents just fill a class does not spill into the next.
const ROOM_FOR_HEADERS: u64 = 64 * KIB;

/// Bytes of an archive of each class.
const SIZES: [u64; SizeClass::COUNT] = sizes();

/// A length of archives; the position in this table, smallest first:
///
/// | index | bytes |
/// |---|---|
/// | 2·k, for k from 0 to 18 | 16 KiB·2^k + 64 KiB |
/// | 2·k + 1, for k from 0 to 17 | 24 KiB·2^k + 64 KiB |
///
/// That is 80 KiB, 88 KiB, 96 KiB, 112 KiB, 128 KiB, … 3 GiB + 64 KiB, 4 GiB + 64 KiB. The steps
/// are of a half and a third in turn, so from the second class on less than a third of an archive
/// is padding. The position is what is kept on disk, in a `u8`; entries are never reordered or
/// removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SizeClass(u8);

impl SizeClass {
    /// How many classes there are.
    pub const COUNT: usize = 37;

    /// 4 GiB + 64 KiB.
    pub const LARGEST: Self = Self(36);

    /// The smallest class that holds `len` bytes of archive; none above 4 GiB + 64 KiB.
    pub fn for_len(len: u64) -> Option<Self> {
        Self::all().find(|class| class.bytes() >= len)
    }

    /// Bytes of every archive of this class, padding included.
    pub fn bytes(self) -> u64 {
        SIZES[usize::from(self.0)]
    }

    /// The position in the table.
    pub fn index(self) -> u8 {
        self.0
    }

    /// The class at a position in the table; none from 37 on.
    pub fn from_index(index: u8) -> Option<Self> {
        (usize::from(index) < Self::COUNT).then_some(Self(index))
    }

    /// Every class, smallest first.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..=u8::MAX).map_while(Self::from_index)
    }
}

const fn sizes() -> [u64; SizeClass::COUNT] {
    let mut sizes = [0; SizeClass::COUNT];
    let mut index = 0;
    while index < sizes.len() {
        let unit = if index % 2 == 0 { 16 * KIB } else { 24 * KIB };
        sizes[index] = (unit << (index / 2)) + ROOM_FOR_HEADERS;
        index += 1;
    }
    sizes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_the_documented_one() {
        let mut wanted: Vec<u64> = (0..=18)
            .flat_map(|k| [(16 * KIB) << k, (24 * KIB) << k])
            .filter(|bytes| *bytes <= 4 << 30)
            .map(|bytes| bytes + 64 * KIB)
            .collect();
        wanted.sort_unstable();
        let table: Vec<u64> = SizeClass::all().map(SizeClass::bytes).collect();
        assert_eq!(table, wanted);
        assert_eq!(table.len(), SizeClass::COUNT);
        assert_eq!(table.first(), Some(&(80 * KIB)));
        assert_eq!(SizeClass::all().last(), Some(SizeClass::LARGEST));
        assert_eq!(table.last(), Some(&((4 << 30) + 64 * KIB)));
    }

    #[test]
    fn each_length_gets_the_smallest_class_that_holds_it() {
        let mut below = 0;
        for class in SizeClass::all() {
            assert_eq!(SizeClass::for_len(below + 1), (below < class.bytes()).then_some(class));
            assert_eq!(SizeClass::for_len(class.bytes()), Some(class));
            below = class.bytes();
        }
        assert_eq!(SizeClass::for_len(0).map(SizeClass::index), Some(0));
        assert_eq!(SizeClass::for_len(below + 1), None);
    }

    #[test]
    fn an_index_finds_its_class_again() {
        for class in SizeClass::all() {
            assert_eq!(SizeClass::from_index(class.index()), Some(class));
            // an archive is a whole number of tar blocks
            assert_eq!(class.bytes() % 512, 0);
        }
        assert_eq!(SizeClass::from_index(37), None);
        assert_eq!(SizeClass::from_index(255), None);
    }
}
