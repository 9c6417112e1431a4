//! A GraphQL document, and the fields that its operations ask for.

use std::collections::{BTreeSet, HashMap, HashSet};

use apollo_parser::Parser;
use apollo_parser::cst::{
    Definition, FragmentDefinition, Name, OperationDefinition, Selection, SelectionSet,
};

use super::{Ambiguity, Operation, OperationKind, allowed_mutations};

/// The deepest selection that is read: far more than any client of a stack needs.
const MAX_DEPTH: usize = 64;

/// The most fields told apart.
const MAX_FIELDS: usize = 200;

/// What may be read of one request, all of its documents together.
#[derive(Debug)]
pub(super) struct Budget {
    /// Words of documents.
    tokens: usize,
    /// Selections looked at, each as often as operations lead there.
    steps: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            tokens: 20_000,
            steps: 20_000,
        }
    }
}

/// The operations that may be run: the one of that name, or the only one. With
/// a doubt, all of them.
pub(super) fn operations(
    document: &str,
    name: Option<&str>,
    budget: &mut Budget,
) -> Result<(Vec<Operation>, Option<Ambiguity>), Ambiguity> {
    let tree = Parser::new(document)
        .recursion_limit(MAX_DEPTH)
        .token_limit(budget.tokens)
        .parse();
    budget.tokens = budget.tokens.saturating_sub(tree.token_limit().high);
    if tree.errors().len() > 0 {
        return Err(Ambiguity::Document);
    }
    let mut defined = Defined::default();
    for definition in tree.document().definitions() {
        match definition {
            Definition::OperationDefinition(operation) => defined.operations.push(operation),
            Definition::FragmentDefinition(fragment) => {
                let name = fragment.fragment_name().and_then(|name| name.name());
                let name = text(name.as_ref()).ok_or(Ambiguity::Document)?;
                if defined.fragments.insert(name, fragment).is_some() {
                    return Err(Ambiguity::Twice);
                }
            }
            // Types and directives: nothing that can be run.
            _ => return Err(Ambiguity::Document),
        }
    }
    defined.chosen(name, budget)
}

#[derive(Default)]
struct Defined {
    operations: Vec<OperationDefinition>,
    fragments: HashMap<String, FragmentDefinition>,
}

impl Defined {
    fn chosen(
        &self,
        wanted: Option<&str>,
        budget: &mut Budget,
    ) -> Result<(Vec<Operation>, Option<Ambiguity>), Ambiguity> {
        let mut names = HashSet::new();
        let name = |operation: &OperationDefinition| text(operation.name().as_ref());
        let is_odd = self.operations.len() > 1
            && !self
                .operations
                .iter()
                .all(|operation| name(operation).is_some_and(|name| names.insert(name)));
        let chosen: Vec<_> = match (&self.operations[..], wanted) {
            ([], _) => return Err(Ambiguity::Document),
            ([only], _) => vec![only],
            (several, Some(wanted)) if !is_odd => several
                .iter()
                .filter(|operation| name(operation).as_deref() == Some(wanted))
                .collect(),
            _ => Vec::new(),
        };
        let is_unclear = chosen.is_empty();
        let chosen = if is_unclear {
            self.operations.iter().collect()
        } else {
            chosen
        };
        let read: Result<_, _> = chosen
            .into_iter()
            .map(|it| self.read(it, &mut budget.steps))
            .collect();
        Ok((read?, is_unclear.then_some(Ambiguity::WhichOperation)))
    }

    fn read(
        &self,
        operation: &OperationDefinition,
        steps: &mut usize,
    ) -> Result<Operation, Ambiguity> {
        let kind = match operation.operation_type() {
            None => OperationKind::Query,
            Some(kind) if kind.query_token().is_some() => OperationKind::Query,
            Some(kind) if kind.mutation_token().is_some() => OperationKind::Mutation,
            Some(_) => OperationKind::Subscription,
        };
        let fields = self.fields(operation.selection_set(), steps)?;
        Ok(Operation { kind, fields })
    }

    /// The fields of a selection, wherever fragments put them and whether a
    /// directive leaves them out or not.
    fn fields(
        &self,
        selection: Option<SelectionSet>,
        steps: &mut usize,
    ) -> Result<BTreeSet<String>, Ambiguity> {
        let mut fields = BTreeSet::new();
        // Fragments that have been followed, and below which field.
        let mut followed = HashSet::new();
        let mut to_do = vec![(selection.ok_or(Ambiguity::Document)?, String::new())];
        while let Some((selection, below)) = to_do.pop() {
            for selected in selection.selections() {
                *steps = steps.checked_sub(1).ok_or(Ambiguity::TooLarge)?;
                if fields.len() > MAX_FIELDS {
                    return Err(Ambiguity::TooLarge);
                }
                match selected {
                    Selection::Field(field) => {
                        let name = text(field.name().as_ref()).ok_or(Ambiguity::Document)?;
                        let path = format!("{below}{name}");
                        match field.selection_set() {
                            Some(inner) if allowed_mutations::is_namespace(&path) => {
                                to_do.push((inner, format!("{path}.")));
                            }
                            _ => drop(fields.insert(path)),
                        }
                    }
                    Selection::InlineFragment(fragment) => {
                        let inner = fragment.selection_set().ok_or(Ambiguity::Document)?;
                        to_do.push((inner, below.clone()));
                    }
                    Selection::FragmentSpread(spread) => {
                        let name = spread.fragment_name().and_then(|name| name.name());
                        let name = text(name.as_ref()).ok_or(Ambiguity::Document)?;
                        let fragment = self.fragments.get(&name).ok_or(Ambiguity::Document)?;
                        let inner = fragment.selection_set().ok_or(Ambiguity::Document)?;
                        if followed.insert((name, below.clone())) {
                            to_do.push((inner, below.clone()));
                        }
                    }
                }
            }
        }
        Ok(fields)
    }
}

fn text(name: Option<&Name>) -> Option<String> {
    Some(name?.ident_token()?.text().to_owned())
}
