//! From the form's body to a [`RawTip`].

use std::sync::Arc;

use bytes::Bytes;
use zeroize::Zeroize;

use super::{
    body::GuardedBody,
    keeper::Keeper,
    multipart::{Boundary, Field, Multipart, Piece},
    problem::Problem,
    promises::Promise,
    spooling::Spooling,
};
use crate::{
    secret::{Secret, SecretBytes, SecretText},
    tip::{Language, RawTip, Uncleanable},
};

/// The longest value of a radio button, in bytes.
const MAX_CHOICE: usize = 32;

/// Parts that are neither message nor chosen file; no browser sends nearly as many.
const MAX_OTHER_PARTS: usize = 16;

/// Reads a whole body. Fields come in any order, each but `files` at most once.
pub(super) async fn read<K: Keeper>(
    keeper: &Arc<K>,
    language: Language,
    boundary: &Boundary,
    length: Option<u64>,
    body: &mut GuardedBody,
    promise: &mut Promise<K>,
) -> Result<RawTip, Problem> {
    let mut parts = Multipart::new(boundary);
    let mut form = Form::new(keeper.clone(), length);
    while let Some(bytes) = body.next_bytes().await? {
        let received = bytes.len();
        parts.push(bytes);
        while let Some(piece) = parts.next_piece().map_err(|_| Problem::Malformed)? {
            form.take(piece, promise).await?;
        }
        promise.received(received).await?;
    }
    if !parts.is_over() {
        return Err(Problem::CutOff);
    }
    form.into_tip(language).await
}

struct Form<K> {
    keeper: Arc<K>,
    message: Option<SecretBytes>,
    message_limit: usize,
    choice: Option<Vec<u8>>,
    spooling: Option<Spooling>,
    files: usize,
    others: usize,
    part: Part,
}

/// The part that is coming in.
#[derive(Clone, Copy)]
enum Part {
    Message,
    Choice,
    /// `counted` once it is sure to be a file: it has a name, or a byte
    File {
        counted: bool,
    },
    Ignored,
}

impl<K: Keeper> Form<K> {
    fn new(keeper: Arc<K>, length: Option<u64>) -> Self {
        let most = keeper.limits().max_message_bytes;
        // no longer than the body that it comes in
        let length = length.and_then(|length| usize::try_from(length).ok());
        let message_limit = length.map_or(most, |length| length.min(most));
        Self {
            keeper,
            message: None,
            message_limit,
            choice: None,
            spooling: None,
            files: 0,
            others: 0,
            part: Part::Ignored,
        }
    }

    async fn take(&mut self, piece: Piece, promise: &mut Promise<K>) -> Result<(), Problem> {
        match piece {
            Piece::Begin { field, named } => self.begin(field, named, promise).await,
            Piece::Data(data) => self.data(data, promise).await,
            Piece::End => {
                if let (Part::File { counted: true }, Some(spooling)) =
                    (self.part, &mut self.spooling)
                {
                    spooling.end_file();
                }
                Ok(())
            }
        }
    }

    async fn begin(
        &mut self,
        field: Field,
        named: bool,
        promise: &mut Promise<K>,
    ) -> Result<(), Problem> {
        self.part = match field {
            Field::Message if self.message.is_none() => {
                // at its full size from the start: a buffer that grows leaves copies behind
                self.message = Some(Secret::new(Vec::with_capacity(self.message_limit)));
                Part::Message
            }
            Field::Uncleanable if self.choice.is_none() => {
                self.choice = Some(Vec::new());
                Part::Choice
            }
            Field::Message | Field::Uncleanable => return Err(Problem::Malformed),
            Field::Files => {
                if named {
                    self.count_file(promise).await?;
                } else {
                    self.count_other()?;
                }
                Part::File { counted: named }
            }
            Field::Other => {
                self.count_other()?;
                Part::Ignored
            }
        };
        Ok(())
    }

    async fn data(&mut self, data: Bytes, promise: &mut Promise<K>) -> Result<(), Problem> {
        match self.part {
            Part::Message => {
                let message = self.message.as_mut().ok_or(Problem::Malformed)?.expose_mut();
                if message.len() + data.len() > self.message_limit {
                    return Err(Problem::MessageTooLong);
                }
                message.extend_from_slice(&data);
            }
            Part::Choice => {
                let choice = self.choice.as_mut().ok_or(Problem::Malformed)?;
                if choice.len() + data.len() > MAX_CHOICE {
                    return Err(Problem::Malformed);
                }
                choice.extend_from_slice(&data);
            }
            Part::File { counted } => {
                if !counted {
                    self.count_file(promise).await?;
                    self.part = Part::File { counted: true };
                }
                if let Some(spooling) = &mut self.spooling {
                    spooling.write(data).await?;
                }
            }
            Part::Ignored => {}
        }
        Ok(())
    }

    async fn count_file(&mut self, promise: &mut Promise<K>) -> Result<(), Problem> {
        self.files += 1;
        if self.files > self.keeper.limits().max_files {
            return Err(Problem::TooManyFiles);
        }
        promise.file_begins().await?;
        let keeper = self.keeper.clone();
        self.spooling.get_or_insert_with(|| Spooling::start(move || keeper.spool()));
        Ok(())
    }

    fn count_other(&mut self) -> Result<(), Problem> {
        self.others += 1;
        if self.others > MAX_OTHER_PARTS { Err(Problem::Malformed) } else { Ok(()) }
    }

    async fn into_tip(self, language: Language) -> Result<RawTip, Problem> {
        let message = match self.message {
            Some(message) => text(message)?,
            None => Secret::new(String::new()),
        };
        let uncleanable = match self.choice.as_deref() {
            None | Some(b"leave-out") => Uncleanable::LeaveOut,
            Some(b"send-original") => Uncleanable::SendOriginal,
            Some(_) => return Err(Problem::Malformed),
        };
        let files = match self.spooling {
            Some(spooling) => spooling.finish().await?,
            None => Vec::new(),
        };
        if message.expose().is_empty() && files.is_empty() {
            return Err(Problem::Empty);
        }
        Ok(RawTip { message, language, uncleanable, files })
    }
}

/// The message as text, in the buffer it came in. Browsers send UTF-8 with CR LF line ends; lines
/// end in LF from here on, and a message of blanks only is none.
fn text(mut bytes: SecretBytes) -> Result<SecretText, Problem> {
    let text = String::from_utf8(std::mem::take(bytes.expose_mut())).map_err(|e| {
        e.into_bytes().zeroize();
        Problem::Malformed
    })?;
    let mut text = SecretText::new(text);
    text.expose_mut().retain(|c| c != '\r');
    if text.expose().trim().is_empty() {
        // cleared by wiping, not by dropping: blanks may be somebody's too
        text.expose_mut().zeroize();
    }
    Ok(text)
}
