//! The form in which endpoints are declared.

/// Declares endpoints: for each, the type whose values are its requests, and
/// its [`Endpoint`](super::Endpoint); and the function that shows them all.
///
/// ```text
/// /// AWS credentials of a profile.
/// ReadCredentials(query: ProfileQuery): Get "/v1/aws/credentials" -> CredentialProcess {
///     const AUDIT: Option<Action> = Some(Action::CREDENTIALS);
/// }
/// ```
///
/// The first line of its comment is its summary. In parentheses is what a request
/// holds, of `path`, `query` and `body`; after the arrow, what it is answered with;
/// in braces, what differs from the defaults of the trait.
macro_rules! endpoints {
    (@value $(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default)]
        pub struct $name;
    };
    (@value $(#[$doc:meta])* $name:ident ($part:ident: $type:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name(pub $type);
    };
    (@value $(#[$doc:meta])* $name:ident (path: $path:ty, $part:ident: $type:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name {
            /// Of what.
            pub path: $path,
            /// What is asked of it.
            pub $part: $type,
        }
    };

    (@parts) => {
        endpoints!(@part Path path, ());
        endpoints!(@part Query query, ());
        endpoints!(@part Body body, ());
    };
    (@parts path: $path:ty) => {
        endpoints!(@part Path path, $path, 0);
        endpoints!(@part Query query, ());
        endpoints!(@part Body body, ());
    };
    (@parts query: $query:ty) => {
        endpoints!(@part Path path, ());
        endpoints!(@part Query query, $query, 0);
        endpoints!(@part Body body, ());
    };
    (@parts body: $body:ty) => {
        endpoints!(@part Path path, ());
        endpoints!(@part Query query, ());
        endpoints!(@part Body body, $body, 0);
    };
    (@parts path: $path:ty, query: $query:ty) => {
        endpoints!(@part Path path, $path, path);
        endpoints!(@part Query query, $query, query);
        endpoints!(@part Body body, ());
    };

    (@part $part:ident $accessor:ident, $type:ty) => {
        type $part = $type;
        fn $accessor(&self) -> &Self::$part {
            &()
        }
    };
    (@part $part:ident $accessor:ident, $type:ty, $field:tt) => {
        type $part = $type;
        fn $accessor(&self) -> &Self::$part {
            &self.$field
        }
    };

    ($(
        #[doc = $summary:literal]
        $(#[$doc:meta])*
        $name:ident $(($($part:ident: $type:ty),+))?: $method:ident $path:literal -> $answer:ty {
            $($item:item)*
        }
    )*) => {
        $(
            endpoints!(@value #[doc = $summary] $(#[$doc])* $name $(($($part: $type),+))?);

            impl $crate::api::Endpoint for $name {
                const METHOD: $crate::api::Method = $crate::api::Method::$method;
                const PATH: &'static str = $path;
                const SUMMARY: &'static str = $crate::api::declare::title($summary);
                $($item)*
                type Answer = $answer;
                endpoints!(@parts $($($part: $type),+)?);
            }
        )*

        /// Shows the endpoints of this subject.
        pub(super) fn visit(visitor: &mut impl $crate::api::Visit) {
            $(visitor.endpoint::<$name>();)*
        }
    };
}

/// A line of a comment as a title: without its full stop.
pub(super) const fn title(line: &'static str) -> &'static str {
    let line = line.trim_ascii();
    match line.as_bytes() {
        [.., b'.'] => line.split_at(line.len() - 1).0,
        _ => line,
    }
}
