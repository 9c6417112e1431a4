//! How much of a listing is taken in: whoever may write to a registry chooses what it
//! lists.

use futures_util::TryStreamExt;

use super::StoreError;
use super::store::Batches;

/// The most that is gathered of one listing: no package has as many versions or
/// objects of its own.
pub(super) const MOST_GATHERED: usize = 200_000;

/// The most bytes of names and keys in it: three times what so many keys of a
/// package's take. Whoever may write there chooses how long each is.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// How many entries a page without any counts for.
const EMPTY: usize = 1000;

/// All of a listing of `place`, which has an end. `name` tells the name or key of
/// something that is listed.
pub(super) async fn gather<T>(
    mut batches: Batches<T>,
    place: &str,
    name: impl Fn(&T) -> &str,
) -> Result<Vec<T>, StoreError> {
    let mut all = Vec::new();
    let (mut count, mut bytes) = (0, 0);
    while let Some(batch) = batches.try_next().await? {
        // Of pages with nothing on them, there may be no end either, and each takes
        // as long as a full one.
        count += if batch.is_empty() { EMPTY } else { batch.len() };
        if count > MOST_GATHERED {
            let reason = format!("more than {MOST_GATHERED} entries are listed there, or no end");
            return Err(StoreError::invalid(place, reason));
        }
        bytes += batch.iter().map(|one| name(one).len()).sum::<usize>();
        if bytes > MOST_BYTES {
            let reason = "the names there are too long in all";
            return Err(StoreError::invalid(place, reason));
        }
        all.extend(batch);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use futures_util::{StreamExt, stream};

    use super::*;

    #[tokio::test]
    async fn a_listing_without_an_end_is_given_up_in_words() {
        let pages = |page: Vec<String>| stream::repeat_with(move || Ok(page.clone()));
        let of = |name: &str| vec![name.to_owned(); 1000];
        for (page, why) in [
            (of("1700000000"), "ns/name: more than 200000 entries"),
            (Vec::new(), "ns/name: more than 200000 entries"),
            (
                of(&"d/".repeat(8000)),
                "ns/name: the names there are too long",
            ),
        ] {
            let gathered = gather(pages(page).boxed(), "ns/name", String::as_str).await;
            let said = gathered.unwrap_err().to_string();
            assert!(said.contains(why), "{said}");
        }
        let whole = pages(of(&"k".repeat(300)))
            .take(MOST_GATHERED / 1000)
            .boxed();
        let gathered = gather(whole, "", String::as_str).await;
        assert_eq!(gathered.unwrap().len(), MOST_GATHERED);
    }
}
