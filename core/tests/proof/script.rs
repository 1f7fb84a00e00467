//! Operations at random that make sense where they stand: the same ones for the same seed.

use crane_core::FactState;

use crate::model::{Label, Model, Op};

/// Splitmix64: a small generator whose numbers never change.
#[derive(Clone)]
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        if from.is_empty() { None } else { Some(from[self.below(from.len())]) }
    }
}

/// A script: what is done `step`-th depends on its seed and on what was done before, and on nothing else.
#[derive(Clone, Copy)]
pub struct Script {
    pub seed: u64,
    /// Most facts of one bulk addition.
    pub bulk: u32,
}

impl Script {
    /// Every state from the empty library on, the state after each operation, for the first `count` operations.
    pub fn states(self, count: usize) -> (Vec<Op>, Vec<Model>) {
        let (mut ops, mut models) = (Vec::new(), vec![Model::default()]);
        for step in 0..count {
            let mut model = models[step].clone();
            let op = self.op(step, &model);
            model.apply(&op);
            ops.push(op);
            models.push(model);
        }
        (ops, models)
    }

    /// The operation at a step.
    pub fn op(self, step: usize, model: &Model) -> Op {
        if step == 0 {
            return Op::Open;
        }
        let mut numbers = Numbers(self.seed ^ (step as u64).wrapping_mul(0xA076_1D64_78BD_642F));
        self.attempt(&mut numbers, model).unwrap_or(Op::Add(1))
    }

    fn attempt(self, numbers: &mut Numbers, model: &Model) -> Option<Op> {
        let in_state = |wanted: &[FactState]| -> Vec<Label> {
            let facts = model.facts.iter().filter(|(_, known)| wanted.contains(&known.state));
            facts.map(|(label, _)| *label).collect()
        };
        let all: Vec<Label> = model.facts.keys().copied().collect();
        let (active, usable) = (in_state(&[FactState::Active]), in_state(&[FactState::Active, FactState::Disabled]));
        Some(match numbers.below(100) {
            0..18 => Op::Add(1),
            18..26 => Op::Add(2 + numbers.below(self.bulk as usize - 1) as u32),
            26..38 => {
                let label = numbers.pick(&all)?;
                let keys = model.facts[&label].keys.len();
                let removed = (keys > 1 && numbers.below(2) == 0).then(|| numbers.below(keys));
                Op::Edit(label, removed)
            }
            38..46 => Op::Supersede(numbers.pick(&usable)?),
            46..52 => Op::Set(numbers.pick(&active)?, FactState::Disabled),
            52..56 => Op::Set(numbers.pick(&all)?, FactState::Deleted),
            56..60 => Op::Set(numbers.pick(&in_state(&[FactState::Disabled, FactState::Deleted]))?, FactState::Active),
            60..70 => Op::Undo,
            70..77 => Op::Redo,
            77..82 => {
                let label = numbers.pick(&model.forgettable())?;
                Op::Restore(label, numbers.pick(&model.restorable(label))?)
            }
            82..90 => Op::Forget(numbers.pick(&model.forgettable())?),
            90..95 => Op::Flush,
            95..97 => Op::Suspend,
            _ => Op::Reopen,
        })
    }
}
