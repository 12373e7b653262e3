//! Corpus.
use crate::measure::Rounds;
use anyhow::Result;
use vksvm::Translation;
use vksvm_tests::bare;
pub fn session(_: &bare::Device, _: &mut Rounds, _: Translation) -> Result<()> {
    Ok(())
}
