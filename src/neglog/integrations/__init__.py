"""What other libraries call: one module for each, which does not import its library."""

from neglog.integrations import keras as keras
from neglog.integrations import lightning as lightning
from neglog.integrations import transformers as transformers
from neglog.integrations import trl as trl
