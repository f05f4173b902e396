//! Random inputs that can be had again: splitmix64 (Steele, Lea, Flood 2014).

/// Numbers that follow from a seed.
#[derive(Clone, Debug)]
pub struct Random(u64);

/// A number made of this one, so that sums of such numbers are the same only if what they are made of is
/// the same, as good as always.
pub fn mixed(number: u64) -> u64 {
    Random(number).number()
}

/// The sum of [`mixed`] of so many multiples of this number, from 0 on.
pub fn sum_of_multiples(number: u64, count: u64) -> u64 {
    (0..count).fold(0, |sum, times| sum.wrapping_add(mixed(times.wrapping_mul(number))))
}

impl Random {
    /// Begins with this seed.
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number of this range, whose end does not belong to it.
    pub fn within(&mut self, range: std::ops::Range<u64>) -> u64 {
        range.start + self.number() % (range.end - range.start)
    }

    /// Bytes of all values, not UTF-8 and with zeros among them if there are three or more.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes: Vec<u8> = (0..count).map(|_| self.number() as u8).collect();
        if let [first, second, third, ..] = &mut bytes[..] {
            (*first, *second, *third) = (0xff, 0, b'\n');
        }
        bytes
    }

    /// Puts them into any order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.within(0..last as u64 + 1) as usize);
        }
    }
}
