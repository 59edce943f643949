"""Marks for fields that hold a template or an expression, so that validation and compilation find them in any step."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field


class TemplateMark:
    """The field is a template in the scenario's language."""


class ExpressionMark:
    """The field is an expression of the template language."""


Text = Annotated[str, TemplateMark(), Field(json_schema_extra={"x-krawall": "template"})]
"""A template: `Hello {{ name }}`."""

Expression = Annotated[str, ExpressionMark(), Field(json_schema_extra={"x-krawall": "expression"})]
"""An expression: `'yes' in reply.lower()`."""
