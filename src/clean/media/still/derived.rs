//! Pictures put together from others: grids and overlays (ISO/IEC 23008-12 §6.6.2.3).

use super::fields::Fields;

/// The most bytes of what describes one: an overlay of 65,535 pictures.
pub(super) const MOST_BYTES: usize = 24 + 8 * 65_535;

/// What a grid or an overlay of `inputs` pictures says, written anew in the shortest form; None if it is broken. The
/// number is the picture's pixels.
pub(super) fn rewrite(name: [u8; 4], payload: &[u8], inputs: usize) -> Option<(Vec<u8>, u64)> {
    let mut fields = Fields(payload);
    let version = fields.u8()?;
    let wide = fields.u8()? & 1 != 0;
    if version != 0 {
        return None;
    }
    match &name {
        b"grid" => {
            let [rows, columns] = *fields.bytes(2)?.first_chunk::<2>()?;
            let sides = [fields.number(wide)?, fields.number(wide)?];
            let tiles = (usize::from(rows) + 1) * (usize::from(columns) + 1);
            (tiles == inputs).then(|| written(&[rows, columns], &sides))
        }
        b"iovl" => {
            let fill = fields.bytes(8)?;
            let sides = [fields.number(wide)?, fields.number(wide)?];
            let mut numbers = sides.to_vec();
            for _ in 0..2 * inputs {
                let offset = fields.number(wide)?;
                // negative ones are signed numbers of either size
                numbers.push(match u16::try_from(offset) {
                    Ok(low) if !wide => i32::from(low.cast_signed()).cast_unsigned(),
                    _ => offset,
                });
            }
            Some(written(fill, &numbers))
        }
        _ => None,
    }
}

/// Version and flags, `head`, then width, height and offsets in 16 bits if all fit.
fn written(head: &[u8], numbers: &[u32]) -> (Vec<u8>, u64) {
    let (sides, offsets) = numbers.split_at(numbers.len().min(2));
    let narrow = sides.iter().all(|side| u16::try_from(*side).is_ok())
        && offsets.iter().all(|offset| i16::try_from(offset.cast_signed()).is_ok());
    let mut bytes = vec![0, u8::from(!narrow)];
    bytes.extend_from_slice(head);
    for number in numbers {
        let number = number.to_be_bytes();
        bytes.extend_from_slice(number.get(if narrow { 2 } else { 0 }..).unwrap_or_default());
    }
    (bytes, sides.iter().map(|side| u64::from(*side)).product())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_take_the_room_they_need() {
        let narrow = b"\0\0\0\x01\x04\0\x02\0".to_vec();
        let wide = b"\0\x01\0\x01\0\0\x04\0\0\0\x02\0trailing";
        assert_eq!(rewrite(*b"grid", wide, 2), Some((narrow.clone(), 1024 * 512)));
        assert_eq!(rewrite(*b"grid", &narrow, 2), Some((narrow.clone(), 1024 * 512)));
        assert_eq!(rewrite(*b"grid", &narrow, 3), None);
        let large = b"\0\x01\0\x01\0\x01\x04\0\0\0\x02\0";
        assert_eq!(rewrite(*b"grid", large, 2).map(|grid| grid.0), Some(large.to_vec()));
        // an overlay of one picture, two to the left
        let narrow = b"\0\0fillfill\0\x09\0\x08\xff\xfe\0\x01".to_vec();
        let wide = b"\0\x01fillfill\0\0\0\x09\0\0\0\x08\xff\xff\xff\xfe\0\0\0\x01";
        for overlay in [narrow.as_slice(), wide] {
            assert_eq!(rewrite(*b"iovl", overlay, 1), Some((narrow.clone(), 72)));
        }
        assert_eq!(rewrite(*b"iovl", &narrow, 2), None);
    }
}
