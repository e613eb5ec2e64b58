//! The `fmt ` chunk (WAVEFORMATEX and WAVEFORMATEXTENSIBLE): what of it decoding needs, with every other number computed.

use crate::clean::{Kind, Refusal};

const PCM: u16 = 1;
const MS_ADPCM: u16 = 2;
const FLOAT: u16 = 3;
const A_LAW: u16 = 6;
const MU_LAW: u16 = 7;
const IMA_ADPCM: u16 = 0x11;
const GSM: u16 = 0x31;
const MPEG: u16 = 0x50;
const MP3: u16 = 0x55;
const EXTENSIBLE: u16 = 0xfffe;
/// What stands behind a format's number in an EXTENSIBLE header.
const GUID: [u8; 14] = [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71];
/// The pairs of coefficients of Microsoft's ADPCM, which decoders have built in.
const COEFFICIENTS: [(i16, i16); 7] =
    [(256, 0), (512, -256), (0, 0), (192, 64), (240, 0), (460, -208), (392, -232)];

/// How the sound is coded.
pub(super) struct Format {
    tag: u16,
    channels: u16,
    rate: u32,
    bits: u16,
    /// Bytes of a block: of one sample of every channel, or of as many as the coder takes together.
    align: u16,
    /// Samples of each channel in a block.
    samples: u32,
    /// Of an EXTENSIBLE header: how many bits are used, and where the loudspeakers are.
    extended: Option<(u16, u32)>,
}

impl Format {
    /// Reads the payload of `fmt `.
    pub(super) fn read(payload: &[u8]) -> Result<Self, Refusal> {
        let damaged = Refusal::Damaged { kind: Kind::Wav };
        let short = |at| u16_at(payload, at).ok_or(damaged);
        let (mut tag, channels, mut align) = (short(0)?, short(2)?, short(12)?);
        let rate = u32_at(payload, 4).ok_or(damaged)?;
        if channels == 0 || rate == 0 {
            return Err(damaged);
        }
        // the oldest headers end before the number of bits
        let mut bits = u16_at(payload, 14).unwrap_or((align / channels).saturating_mul(8));
        let mut extended = None;
        if tag == EXTENSIBLE {
            (tag, extended) = extension(payload, channels, bits)?;
        }
        let samples = match tag {
            PCM | FLOAT | A_LAW | MU_LAW => {
                let fits = match tag {
                    PCM => (1..=32).contains(&bits),
                    FLOAT => matches!(bits, 32 | 64),
                    _ => bits == 8,
                };
                let sample = bits.div_ceil(8);
                let each = align / channels;
                // samples may lie in more bytes than they fill
                if align % channels != 0 || !(sample..=8).contains(&each) {
                    align = channels.checked_mul(sample).ok_or(damaged)?;
                }
                fits.then_some(1)
            }
            MS_ADPCM if extended.is_none() => {
                bits = 4;
                let data = u32::from(align).checked_sub(7 * u32::from(channels));
                data.map(|data| data * 2 / u32::from(channels) + 2)
            }
            IMA_ADPCM if extended.is_none() && bits == 4 => {
                let data = u32::from(align).checked_sub(4 * u32::from(channels));
                data.map(|data| data * 2 / u32::from(channels) + 1)
            }
            GSM if extended.is_none() && align == 65 && channels == 1 => {
                bits = 0;
                Some(320)
            }
            MPEG | MP3 => Some(1),
            _ => return Err(Refusal::Unsupported { kind: Kind::Wav }),
        };
        let samples = samples.filter(|&samples| samples <= u16::MAX.into()).ok_or(damaged)?;
        Ok(Self { tag, channels, rate, bits, align, samples, extended })
    }

    /// Whether the data are a stream of MPEG audio.
    pub(super) const fn is_mpeg(&self) -> bool {
        matches!(self.tag, MPEG | MP3)
    }

    /// Bytes of a block.
    pub(super) const fn align(&self) -> u16 {
        self.align
    }

    /// How many of `bytes` are sound: a part of a sample is none, a part of a block may be.
    pub(super) const fn whole(&self, bytes: u64) -> u64 {
        if self.samples == 1 { bytes - bytes % self.align as u64 } else { bytes }
    }

    /// The number of samples of each channel for the chunk `fact`, which integers do not need; `said` is believed where
    /// it ends in the last block.
    pub(super) fn samples(&self, bytes: u64, said: Option<u32>) -> Option<u64> {
        if self.tag == PCM {
            return None;
        }
        let blocks = bytes.div_ceil(self.align.into());
        let most = blocks * u64::from(self.samples);
        let least = blocks.saturating_sub(1) * u64::from(self.samples);
        let said = said.map(u64::from).filter(|said| (least + 1..=most).contains(said));
        Some(said.unwrap_or(most))
    }

    /// The payload of `fmt ` written anew.
    pub(super) fn write(&self) -> Vec<u8> {
        let tag = if self.extended.is_some() { EXTENSIBLE } else { self.tag };
        let per_second = u64::from(self.rate) * u64::from(self.align) / u64::from(self.samples);
        let per_second = u32::try_from(per_second).unwrap_or(0);
        let mut payload = Vec::new();
        payload.extend(tag.to_le_bytes());
        payload.extend(self.channels.to_le_bytes());
        payload.extend(self.rate.to_le_bytes());
        payload.extend(per_second.to_le_bytes());
        payload.extend(self.align.to_le_bytes());
        payload.extend(self.bits.to_le_bytes());
        let samples = u16::try_from(self.samples).unwrap_or(u16::MAX).to_le_bytes();
        match (self.extended, self.tag) {
            (Some((bits, mask)), _) => {
                payload.extend(22_u16.to_le_bytes());
                payload.extend(bits.to_le_bytes());
                payload.extend(mask.to_le_bytes());
                payload.extend(self.tag.to_le_bytes());
                payload.extend(GUID);
            }
            (None, PCM) => {}
            (None, MS_ADPCM) => {
                payload.extend(32_u16.to_le_bytes());
                payload.extend(samples);
                payload.extend(7_u16.to_le_bytes());
                for (first, second) in COEFFICIENTS {
                    payload.extend(first.to_le_bytes());
                    payload.extend(second.to_le_bytes());
                }
            }
            (None, IMA_ADPCM | GSM) => {
                payload.extend(2_u16.to_le_bytes());
                payload.extend(samples);
            }
            _ => payload.extend(0_u16.to_le_bytes()),
        }
        payload
    }
}

/// The format that an EXTENSIBLE header stands for, and its used bits and loudspeakers.
fn extension(
    payload: &[u8],
    channels: u16,
    bits: u16,
) -> Result<(u16, Option<(u16, u32)>), Refusal> {
    let damaged = Refusal::Damaged { kind: Kind::Wav };
    let used = u16_at(payload, 18).ok_or(damaged)?;
    let mask = u32_at(payload, 20).ok_or(damaged)?;
    let tag = u16_at(payload, 24).ok_or(damaged)?;
    if payload.get(26..40) != Some(GUID.as_slice()) {
        return Err(Refusal::Unsupported { kind: Kind::Wav });
    }
    let used = if (1..=bits).contains(&used) { used } else { bits };
    // eighteen places are defined; a mask of another number of channels says nothing to players
    let fits = mask.count_ones() == u32::from(channels) && mask < 1 << 18;
    Ok((tag, Some((used, if fits { mask } else { 0 }))))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk::<2>().map(|bytes| u16::from_le_bytes(*bytes))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk::<4>().map(|bytes| u32::from_le_bytes(*bytes))
}
