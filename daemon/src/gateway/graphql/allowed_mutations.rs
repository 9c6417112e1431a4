//! Which mutations leave keys and logins alone.

/// Fields that only hold others: what is below them counts.
const NAMESPACES: &[&str] = &[
    "admin",
    "admin.apiKeys",
    "admin.packager",
    "admin.user",
    "admin.user.mutate",
];

/// Every other mutation of the public schema that neither makes, takes nor ends an
/// API key, a login, or what logins are made with (users, their e-mail
/// addresses and passwords, single sign-on). What a stack may have besides is
/// not known to be harmless. A change of roles is one of rights, not of logins,
/// and stands in [`CHANGING_ROLE`]; a browsing session shows one package for some minutes.
const HARMLESS: &[&str] = &[
    "admin.bucketRenameTabulatorTable",
    "admin.bucketSetTabulatorTable",
    "admin.packager.toggleEventRule",
    "admin.setTabulatorOpenQuery",
    "admin.user.mutate.setAdmin",
    "browsingSessionCreate",
    "browsingSessionDispose",
    "browsingSessionRefresh",
    "bucketAdd",
    "bucketRemove",
    "bucketRenameTabulatorTable",
    "bucketSetTabulatorTable",
    "bucketUpdate",
    "packageConstruct",
    "packagePromote",
    "packageRevisionDelete",
    "policyCreateManaged",
    "policyCreateUnmanaged",
    "policyDelete",
    "policyUpdateManaged",
    "policyUpdateUnmanaged",
    "restoreObject",
    "roleCreateManaged",
    "roleCreateUnmanaged",
    "roleDelete",
    "roleSetDefault",
    "roleUpdateManaged",
    "roleUpdateUnmanaged",
];

/// Mutations after which a user may have another role: oneself, or a user that
/// may be oneself.
const CHANGING_ROLE: &[&str] = &[
    "admin.user.mutate.addRoles",
    "admin.user.mutate.removeRoles",
    "admin.user.mutate.setRole",
    "switchRole",
];

/// Whether a field only holds others.
pub(super) fn is_namespace(field: &str) -> bool {
    NAMESPACES.contains(&field)
}

/// Whether a mutation is known to leave keys and logins alone. `__typename` is
/// part of every type.
pub(super) fn is_harmless(field: &str) -> bool {
    let name = field.rsplit('.').next();
    HARMLESS.contains(&field) || changes_role(field) || name == Some("__typename")
}

/// Whether a mutation may change the user's role.
pub(super) fn changes_role(field: &str) -> bool {
    CHANGING_ROLE.contains(&field)
}
