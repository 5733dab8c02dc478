"""The rules: each one function over facts, with its reason, its source and the safe way out."""

from __future__ import annotations

from seachange.safety.rules._registry import RULES, Context, Rule, Thresholds, Verdict, declare, finding_of, load_rules, rule

__all__ = ["RULES", "Context", "Rule", "Thresholds", "Verdict", "declare", "finding_of", "load_rules", "rule"]
