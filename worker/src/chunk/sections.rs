//! Where to cut code: along its definitions, and inside one that is too long at its outermost statements.
//! Takes lines and their outline, hands out ranges of lines that tile the file. Never cuts inside a line.
//!
//! text-splitter's CodeSplitter is not used here: it parses a second time, without a bound on time or depth, sees a part of
//! a file without what is around it, and does not know where definitions begin. Prose and whatever no grammar understands
//! does go through text-splitter: see `prose.rs`.

use std::ops::Range;

use super::definition_rules::is_function;
use super::lines::Lines;
use super::outline::Outline;
use super::sizes::ChunkSizes;

/// Cuts a file that has an outline.
pub(super) fn cut_code(lines: &Lines<'_>, outline: &Outline, sizes: ChunkSizes) -> Vec<Range<usize>> {
    let mut children = vec![Vec::new(); outline.definitions.len() + 1];
    for (index, definition) in outline.definitions.iter().enumerate() {
        if outline.is_member(index) {
            continue;
        }
        let mut parent = definition.parent;
        while let Some(member) = parent.filter(|parent| outline.is_member(*parent)) {
            parent = outline.definitions[member].parent;
        }
        children[parent.map_or(0, |parent| parent + 1)].push(index);
    }
    let mut cutting = Cutting {
        lines,
        outline,
        children,
        sizes,
        sections: Vec::new(),
    };
    if !lines.all_blank(0..lines.count()) {
        cutting.cut(0..lines.count(), None);
    }
    cutting.join_tiny()
}

struct Cutting<'file> {
    lines: &'file Lines<'file>,
    outline: &'file Outline,
    /// Definitions directly below each definition; those of the file come first.
    children: Vec<Vec<usize>>,
    sizes: ChunkSizes,
    sections: Vec<Range<usize>>,
}

struct Unit {
    lines: Range<usize>,
    definition: Option<usize>,
}

impl Cutting<'_> {
    fn cut(&mut self, range: Range<usize>, definition: Option<usize>) {
        let is_function = definition.is_some_and(|index| is_function(self.outline.definitions[index].kind));
        let whole = if is_function { self.sizes.max } else { self.sizes.whole };
        let size = self.lines.size_bytes(range.clone());
        if size <= whole {
            self.sections.push(range);
            return;
        }
        let units = self.units(range.clone(), definition);
        if units.len() <= 1 && units.iter().all(|unit| unit.definition.is_none()) {
            self.cut_statements(range);
            return;
        }
        let mut pending: Option<Range<usize>> = None;
        for unit in units {
            if let Some(before) = pending.take() {
                if self.belong_together(&before, &unit.lines) {
                    pending = Some(before.start..unit.lines.end);
                    continue;
                }
                self.sections.push(before);
            }
            if self.is_worth_cutting(&unit) {
                match unit.definition {
                    Some(index) => self.cut(unit.lines, Some(index)),
                    None => self.cut_statements(unit.lines),
                }
            } else {
                pending = Some(unit.lines);
            }
        }
        self.sections.extend(pending);
    }

    /// The definitions of a range and what lies between them, in order. Blank lines go to what is before them.
    fn units(&self, range: Range<usize>, definition: Option<usize>) -> Vec<Unit> {
        let mut units: Vec<Unit> = Vec::new();
        let mut cursor = range.start;
        for index in &self.children[definition.map_or(0, |index| index + 1)] {
            let child = &self.outline.definitions[*index].lines;
            let (start, end) = (child.start.max(cursor), child.end.min(range.end));
            if end <= start {
                continue; // on lines that an earlier one has
            }
            push_gap(self.lines, &mut units, cursor..start);
            units.push(Unit {
                lines: start..end,
                definition: Some(*index),
            });
            cursor = end;
        }
        push_gap(self.lines, &mut units, cursor..range.end);
        units
    }

    fn belong_together(&self, before: &Range<usize>, next: &Range<usize>) -> bool {
        let (first, second) = (
            self.lines.size_bytes(before.clone()),
            self.lines.size_bytes(next.clone()),
        );
        first + second <= self.sizes.max
            && (first < self.sizes.enough && second < self.sizes.enough
                || first < self.sizes.tiny
                || second < self.sizes.tiny)
    }

    fn is_worth_cutting(&self, unit: &Unit) -> bool {
        let size = self.lines.size_bytes(unit.lines.clone());
        let holds_others = unit.definition.is_some_and(|index| {
            !self.children[index + 1].is_empty() && !is_function(self.outline.definitions[index].kind)
        });
        size > self.sizes.max || holds_others && size > self.sizes.whole
    }

    /// Cuts lines without definitions before the outermost statements, into parts of about the same size.
    fn cut_statements(&mut self, range: Range<usize>) {
        let mut start = range.start;
        loop {
            let left = self.lines.size_bytes(start..range.end);
            if left <= self.sizes.max {
                break;
            }
            let wanted = left / left.div_ceil(self.sizes.max);
            // Blank lines end what is before them, and do not make a chunk on their own.
            let Some(first) = self.first_code_line(start..range.end) else {
                break;
            };
            let best = self.best_cut(first..range.end, wanted);
            let Some(cut) = self.first_code_line(best..range.end) else {
                break;
            };
            self.sections.push(start..cut);
            start = cut;
        }
        self.sections.push(start..range.end);
    }

    fn first_code_line(&self, mut range: Range<usize>) -> Option<usize> {
        range.find(|line| !self.lines.is_blank(*line))
    }

    fn best_cut(&self, range: Range<usize>, wanted_bytes: usize) -> usize {
        let mut best = None;
        let mut last_fitting = range.start + 1;
        for line in range.start + 1..range.end {
            let size = self.lines.size_bytes(range.start..line);
            if size > self.sizes.max {
                break;
            }
            last_fitting = line;
            let rest = self.lines.size_bytes(line..range.end);
            if size < self.sizes.enough || rest < self.sizes.tiny {
                continue;
            }
            if let Some(depth) = self.outline.cut_depth(line) {
                let candidate = (depth, size.abs_diff(wanted_bytes), line);
                best = Some(best.map_or(candidate, |best: (u16, usize, usize)| best.min(candidate)));
            }
        }
        best.map_or(last_fitting, |(_, _, line)| line)
    }

    /// Closing lines go to what they close, opening lines to what they open.
    fn join_tiny(self) -> Vec<Range<usize>> {
        let Cutting {
            lines,
            outline,
            sizes,
            sections,
            ..
        } = self;
        let size = |range: &Range<usize>| lines.size_bytes(range.clone());
        let mut joined: Vec<Range<usize>> = Vec::with_capacity(sections.len());
        let mut opening: Option<Range<usize>> = None;
        for mut section in sections {
            if let Some(opening) = opening.take() {
                if size(&opening) + size(&section) <= sizes.max + sizes.tiny {
                    section.start = opening.start;
                } else {
                    joined.push(opening);
                }
            }
            let is_tiny = size(&section) < sizes.tiny;
            let closes = is_tiny && section.clone().all(|line| outline.cut_depth(line).is_none());
            match joined.last_mut() {
                Some(before) if closes && size(before) <= sizes.max => before.end = section.end,
                _ if is_tiny => opening = Some(section),
                _ => joined.push(section),
            }
        }
        if let Some(last) = opening {
            match joined.last_mut() {
                Some(before) if size(before) + size(&last) <= sizes.max + sizes.tiny => before.end = last.end,
                _ => joined.push(last),
            }
        }
        joined
    }
}

fn push_gap(lines: &Lines<'_>, units: &mut Vec<Unit>, gap: Range<usize>) {
    if gap.is_empty() {
        return;
    }
    match units.last_mut() {
        Some(before) if lines.all_blank(gap.clone()) => before.lines.end = gap.end,
        _ => {
            // Blank lines at the start of a gap end what is before it.
            let first = gap.clone().find(|line| !lines.is_blank(*line)).unwrap_or(gap.start);
            let start = match units.last_mut() {
                Some(before) => {
                    before.lines.end = first;
                    first
                }
                None => gap.start,
            };
            units.push(Unit {
                lines: start..gap.end,
                definition: None,
            });
        }
    }
}
