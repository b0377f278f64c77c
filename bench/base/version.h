/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_BASE_VERSION_H
#define VQ_BASE_VERSION_H

/* The project's version, the one place that says it: of results, and of the reference device. */
#define VQ_VERSION "0.1.0"

#endif
